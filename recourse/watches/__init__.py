"""Stock watches: one notice when a product is back."""
