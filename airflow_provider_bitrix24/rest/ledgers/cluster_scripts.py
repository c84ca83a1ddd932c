"""The arithmetic of :mod:`~airflow_provider_bitrix24.rest.pacing` once more, in Lua: each step is one script.

Redis runs a script as a whole, so no two processes see the same state, and every one of them goes by the
clock of the server. A property test holds it against the Python arithmetic. Numbers travel and are kept as
texts of 17 digits, because Redis would cut a script's numbers to integers.

All scripts take the time in ``ARGV[1]``, which is empty but in tests.
"""

from __future__ import annotations

from airflow_provider_bitrix24.rest import pacing

#: seconds that a portal's state is kept beyond its last reserved request, and at most
_KEEP_BUCKET, _LONGEST_KEPT = 900, 86_400
#: seconds for which a portal's state that Redis lost is taken from what a process knows
_REMEMBERED = 60
#: no meter says anything after this many seconds
_KEEP_METER = 1200

_CONSTANTS = "\n".join(
    f"local {name} = {value!r}"
    for name, value in {
        "BURST_MARGIN": pacing._BURST_MARGIN,
        "RATE_MARGIN": pacing._RATE_MARGIN,
        "FIRST_PAUSE": pacing._FIRST_PAUSE,
        "LONGEST_PAUSE": pacing._LONGEST_PAUSE,
        "WAVE_WINDOW": pacing._WAVE_WINDOW,
        "SLOW_DOWN": pacing._SLOW_DOWN,
        "SLOWEST": pacing._SLOWEST,
        "RECOVERY": pacing._RECOVERY_PER_SECOND,
        "NEAR_THE_LIMIT": pacing._NEAR_THE_LIMIT,
        "ROUNDED_OFF": pacing._ROUNDED_OFF,
        "LONGEST_BLOCK": pacing._LONGEST_BLOCK,
        "SHORTEST_BLOCK": pacing._SHORTEST_BLOCK,
        "FIRST_UNKNOWN_BLOCK": pacing._FIRST_UNKNOWN_BLOCK,
        "LONGEST_UNKNOWN_BLOCK": pacing._LONGEST_UNKNOWN_BLOCK,
        "KEEP_BUCKET": _KEEP_BUCKET,
        "LONGEST_KEPT": _LONGEST_KEPT,
        "KEEP_METER": _KEEP_METER,
        "REMEMBERED": _REMEMBERED,
    }.items()
)

_COMMON = (
    _CONSTANTS
    + """
local function text(number) return string.format('%.17g', number) end

local function server_time()
  if ARGV[1] ~= '' then return tonumber(ARGV[1]) end
  local time = redis.call('TIME')
  return tonumber(time[1]) + tonumber(time[2]) / 1000000
end

-- A key that holds something else than ours is made anew.
local function read(key, names)
  local row = redis.pcall('HMGET', key, unpack(names))
  if row.err then redis.call('DEL', key) row = {} end
  return row
end

local function write(key, names, state, seconds)
  local row = {}
  for _, name in ipairs(names) do
    row[#row + 1] = name
    row[#row + 1] = text(state[name])
  end
  redis.call('HSET', key, unpack(row))
  redis.call('PEXPIRE', key, string.format('%d', math.ceil(seconds * 1000)))
end
"""
)

_BUCKET = (
    _COMMON
    + """
local BUCKET = {'arrival', 'epoch', 'pause', 'pace', 'paced_at', 'refused_at', 'seen_at'}
local limits = {rate = tonumber(ARGV[2]), burst = tonumber(ARGV[3]), operating = tonumber(ARGV[4])}

local function words(line)
  local found = {}
  for word in string.gmatch(line, '%S+') do found[#found + 1] = word end
  return found
end

local function bucket_of(row, now)
  local bucket = {}
  for place, name in ipairs(BUCKET) do
    bucket[name] = tonumber(row[place] or '')
    if not bucket[name] then return nil end
  end
  if bucket.seen_at > now then -- the clock was set back
    local jump = now - bucket.seen_at
    bucket.arrival = bucket.arrival + jump
    bucket.paced_at = bucket.paced_at + jump
    bucket.refused_at = bucket.refused_at + jump
  end
  return bucket
end

local function pace_at(bucket, now)
  return math.min(1, bucket.pace + RECOVERY * math.max(0, now - bucket.paced_at))
end

local function interval_of(bucket, now)
  if not limits.rate then return 0 end
  return 1 / (limits.rate * RATE_MARGIN * pace_at(bucket, now))
end

local function tolerance(interval)
  local margin = math.ceil(BURST_MARGIN * (limits.rate or 0))
  return math.max(0, limits.burst - margin - 1) * interval
end

-- Others went on since, and nobody knows how much of the burst they took: it is left alone.
local function after_loss(known, now)
  local since = now - known.seen_at
  if since > REMEMBERED then return known end
  known.arrival = math.max(known.arrival + since, now + tolerance(interval_of(known, now)))
  return known
end

-- What the caller knew last is in ARGV[5], as numbers with spaces between them. It cannot be ahead of what is
-- kept here, unless that was lost and begun anew by somebody who knew less.
local function load_bucket(key, now)
  local known = bucket_of(words(ARGV[5]), now)
  local bucket = bucket_of(read(key, BUCKET), now)
  if not bucket or known.epoch > bucket.epoch then return after_loss(known, now) end
  if known.epoch == bucket.epoch and known.arrival > bucket.arrival then return after_loss(known, now) end
  return bucket
end

local function keep_bucket(key, bucket, now)
  bucket.seen_at = now
  local ahead = math.min(math.max(0, bucket.arrival - now), LONGEST_KEPT)
  write(key, BUCKET, bucket, ahead + KEEP_BUCKET)
end

local function told(wait, bucket)
  local answer = {text(wait)}
  for _, name in ipairs(BUCKET) do answer[#answer + 1] = text(bucket[name]) end
  return {table.concat(answer, ' ')} -- one text is read faster than eight
end
"""
)

_METER = """
local METER = {'reset_at', 'blocked_until', 'unknown_block', 'interval'}

local function load_meter(key)
  local row = read(key, METER)
  local meter = {}
  for place, name in ipairs(METER) do meter[name] = tonumber(row[place] or '') or 0 end
  return meter
end

local function keep_meter(key, meter) write(key, METER, meter, KEEP_METER) end
"""

#: KEYS: the bucket; ARGV[6]: seconds beyond which a slot is only told. Returns the wait and the bucket.
RESERVE = (
    _BUCKET
    + """
local now = server_time()
local at_most = tonumber(ARGV[6] or '') or math.huge
local bucket = load_bucket(KEYS[1], now)
local interval = interval_of(bucket, now)
local arrival = math.max(bucket.arrival, now)
local wait = math.max(0, arrival - tolerance(interval) - now)
if wait <= at_most then bucket.arrival = arrival + interval end
keep_bucket(KEYS[1], bucket, now)
return told(wait, bucket)
"""
)

#: KEYS: the bucket. Returns its epoch, or what the caller knew. It is meant to write, though it does not, so
#: that a replica that takes no writes says so here, too.
EPOCH = (
    _BUCKET
    + """
local now = server_time()
local bucket = load_bucket(KEYS[1], now)
redis.call('HDEL', KEYS[1], 'nothing')
return {text(bucket.epoch)}
"""
)

#: KEYS: the bucket and a meter for each reading; ARGV[6]: the slot's epoch, ARGV[7]: whether it passed (1
#: or 0, empty: no answer came), then four of each reading. Returns the bucket.
SETTLE = (
    _BUCKET
    + _METER
    + """
local now = server_time()
local bucket = load_bucket(KEYS[1], now)

local function refused()
  local pause = bucket.pause ~= 0 and math.min(LONGEST_PAUSE, bucket.pause * 2) or FIRST_PAUSE
  local pace = pace_at(bucket, now)
  if pause == FIRST_PAUSE and now - bucket.refused_at < WAVE_WINDOW then
    pace = math.max(SLOWEST, pace * SLOW_DOWN)
  end
  bucket.pace, bucket.paced_at = pace, now
  bucket.arrival = now + tolerance(interval_of(bucket, now)) + pause
  bucket.epoch, bucket.pause, bucket.refused_at = bucket.epoch + 1, pause, now
end

if ARGV[7] ~= '' and tonumber(ARGV[6]) == bucket.epoch then
  if ARGV[7] == '0' then
    refused()
    keep_bucket(KEYS[1], bucket, now)
  elseif bucket.pause ~= 0 then
    bucket.pause = 0
    keep_bucket(KEYS[1], bucket, now)
  end
end

local function spread(used, spent, until_reset)
  if not used or spent == 0 or until_reset <= 0 or used < limits.operating * NEAR_THE_LIMIT then return 0 end
  local left = math.max(limits.operating - used, 0)
  until_reset = math.min(until_reset, LONGEST_BLOCK)
  if spent >= left then return until_reset end
  return until_reset * spent / left
end

local function told_of(value, otherwise)
  if value and value ~= 0 then return value end
  return otherwise
end

local function block(meter, reset_at)
  local reset = told_of(reset_at, meter.reset_at)
  if reset > now then
    meter.reset_at = reset
    meter.blocked_until = now + math.min(math.max(reset - now, SHORTEST_BLOCK), LONGEST_BLOCK)
    return
  end
  local unknown = FIRST_UNKNOWN_BLOCK
  if meter.unknown_block ~= 0 then unknown = math.min(meter.unknown_block * 2, LONGEST_UNKNOWN_BLOCK) end
  meter.blocked_until, meter.unknown_block = now + unknown, unknown
end

local function observe(meter, reset_at, used, spent)
  meter.reset_at = told_of(reset_at, meter.reset_at)
  meter.interval = spread(used, spent, meter.reset_at + ROUNDED_OFF - now)
  meter.blocked_until = meter.interval ~= 0 and now + meter.interval or 0
  meter.unknown_block = 0
end

for number = 2, #KEYS do
  local place = 8 + (number - 2) * 4
  local meter, reset_at = load_meter(KEYS[number]), tonumber(ARGV[place + 1])
  if ARGV[place] == '1' then
    block(meter, reset_at)
  else
    observe(meter, reset_at, tonumber(ARGV[place + 2]), tonumber(ARGV[place + 3]))
  end
  keep_meter(KEYS[number], meter)
end
return told(0, bucket)
"""
)

#: KEYS: meters. Returns the seconds to wait for each, and takes a turn of those that are free.
ASK = (
    _COMMON
    + _METER
    + """
local now, waits = server_time(), {}
for number, key in ipairs(KEYS) do
  local meter = load_meter(key)
  local wait = math.max(0, meter.blocked_until - now)
  if wait == 0 and meter.interval ~= 0 then
    meter.blocked_until = now + meter.interval
    keep_meter(key, meter)
  end
  waits[number] = text(wait)
end
return waits
"""
)

#: KEYS: a lock; ARGV: its holder's token, milliseconds. Returns whether the holder has it.
TAKE_LOCK = """
return redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) and {'1'} or {}
"""
KEEP_LOCK = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return {} end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return {'1'}
"""
DROP_LOCK = """
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return {}
"""
