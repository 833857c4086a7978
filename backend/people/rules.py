"""Sign-in policy: pure."""

from datetime import timedelta

from backend.kernel.errors import Invalid

MIN_PASSWORD = 10
# Five wrong passwords for one account (or twenty from one address) close the door for a quarter of an hour.
WINDOW = timedelta(minutes=15)
TRIES_PER_ACCOUNT = 5
TRIES_PER_ADDRESS = 20


def check_password(password: str, username: str) -> None:
    """Raises Invalid (``weak_password``). Length is what counts; composition rules only make passwords worse."""
    if len(password) < MIN_PASSWORD:
        raise Invalid("weak_password", f"密码至少 {MIN_PASSWORD} 位，建议用几个词连起来。",
                      fields={"password": f"至少 {MIN_PASSWORD} 位"})
    if username.lower() in password.lower():
        raise Invalid("weak_password", "密码里不要包含登录名。", fields={"password": "不要包含登录名"})


def safe_next(target: str) -> str:
    """Where to go after signing in: a path of this site only, else the desk (no open redirect)."""
    if target.startswith("/") and not target.startswith(("//", "/\\")):
        return target
    return "/"
