"""The bot process: understanding Chinese, and speaking approved scripts only."""
