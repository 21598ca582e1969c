"""Buyers, as the shop's token names them."""
