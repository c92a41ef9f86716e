"""The migrations, oldest first; each says what it adds and removes exactly that on the way back."""
