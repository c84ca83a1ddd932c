"""What the portal shows instead of its page: no such card, nobody signed in."""

from __future__ import annotations

from html import escape

from .page_assets import STYLE

#: What a real portal answers where nobody is signed in. Nobody can sign in here.
SIGN_IN = (
    '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Bitrix24</title></head><body>'
    '<form method="post" action="/auth/"><input name="USER_LOGIN"><input name="USER_PASSWORD">'
    "<button>Log in</button></form></body></html>\n"
)


def not_found(item: str) -> str:
    """Return the page of a card that there is not.

    :param item: the item as its address names it
    """
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<title>Not found: {escape(item)}</title>\n<link rel="icon" href="data:,">\n'
        f"<style>{STYLE}</style>\n</head>\n<body>\n<header><h1>Bitrix24 portal in a box</h1></header>\n"
        f'<main><div class="empty"><h2>Not found</h2><p>There is no {escape(item)} in this portal.</p>'
        '<p><a href="/">Show all cards</a></p></div></main>\n</body>\n</html>\n'
    )
