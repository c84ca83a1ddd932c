"""Transfers: out of Bitrix24 into files and databases."""
