"""``./zhike …``: the command line. Prints sentences, or JSON with ``--json``; errors go to stderr (exit 1 or 2)."""

import json
import os
import secrets
import socket
import sqlite3
import sys
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy.exc import OperationalError

from backend.deadlines import service as deadlines
from backend.demo import month
from backend.gateway import site_commands
from backend.infra import guards, journal, logs, schema
from backend.installation import place, the_works
from backend.kernel.actors import SYSTEM, Role
from backend.kernel.clock import parse_shanghai, utc_now, zh_datetime
from backend.kernel.deadlines import Unit
from backend.kernel.errors import Conflict, Invalid, Unavailable, ZhikeError
from backend.people import service as people
from backend.scripts import service as scripts
from backend.settings import settings
from backend.surveys import service as surveys

app = typer.Typer(no_args_is_help=True, add_completion=False, help="知客的命令行。")
db = typer.Typer(no_args_is_help=True, help="数据库：升级、备份、恢复、核对。")
user = typer.Typer(no_args_is_help=True, help="员工账号。")
deadline = typer.Typer(no_args_is_help=True, help="期限怎么算的。")
calendar = typer.Typer(no_args_is_help=True, help="官方日历。")
script = typer.Typer(no_args_is_help=True, help="话术导入导出。")
demo = typer.Typer(no_args_is_help=True, help="试用时造些虚构的内容。")
for name, group in (("db", db), ("user", user), ("deadline", deadline), ("calendar", calendar), ("scripts", script),
                    ("demo", demo), ("sites", site_commands.app)):
    app.add_typer(group, name=name)

Json = Annotated[bool, typer.Option("--json", help="用 JSON 输出。")]


def out(data: Any, as_json: bool, words: str) -> None:
    """Print ``data`` as JSON or ``words`` for people."""
    typer.echo(json.dumps(data, ensure_ascii=False, default=str) if as_json else words)


# --- database -----------------------------------------------------------------------------------


@db.command("upgrade")
def db_upgrade(as_json: Json = False) -> None:
    """把数据库升级到最新结构。"""
    schema.upgrade(the_works(as_it_stands=True).engine)
    out({"current": True}, as_json, "数据库已是最新结构。")


@db.command("check")
def db_check(as_json: Json = False) -> None:
    """核对表结构与迁移脚本一致（开发用）。"""
    problems = schema.drift()
    if problems:
        raise Invalid("schema_drift", "表结构和迁移脚本不一致：\n" + "\n".join(problems))
    out({"drift": []}, as_json, "迁移脚本与表结构一致。")


@db.command("prepare")
def db_prepare(as_json: Json = False) -> None:
    """升级数据库并载入起始资料（话术、期限、问卷、演示人员），可重复执行。"""
    works, config = the_works(as_it_stands=True), settings()
    schema.upgrade(works.engine)
    password = demo_password(config.var_dir, config.demo_password)
    with works.begin(SYSTEM) as work:
        people.seed(work, config.pack_dir, password)
        scripts.seed(work, config.pack_dir)
        deadlines.seed(work, config.pack_dir)
        surveys.seed(work, config.pack_dir)
    with works.read(SYSTEM) as work:
        accounts = [{"username": one.username, "name": one.display_name,
                     "roles": "、".join(Role(role).zh for role in roles)}
                    for one, roles in people.everybody(work.session)]
    out({"demo_password": password, "demo_accounts": accounts}, as_json, "数据库和起始资料已就绪。")


def demo_password(var_dir: Path, given: str | None) -> str:
    """The demo accounts' password: given, or drawn once and kept for the next start."""
    kept = var_dir / "demo_password"
    if given:
        return given
    if not kept.exists():
        handle = os.open(kept, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_urlsafe(9))
    return kept.read_text()


@db.command("backup")
def db_backup(file: Path, as_json: Json = False) -> None:
    """备份数据库到一个文件（运行中也可以）。密钥 secrets.json 要另外保管。"""
    source = _sqlite_file()
    if file.exists():
        raise Invalid("file_exists", f"{file} 已经存在，没有覆盖。请换一个文件名。")
    with sqlite3.connect(source) as live, sqlite3.connect(file) as copy:
        live.backup(copy)
    file.chmod(0o600)
    out({"file": str(file), "bytes": file.stat().st_size}, as_json, f"已备份到 {file}。")


@db.command("restore")
def db_restore(file: Path, as_json: Json = False) -> None:
    """用备份文件恢复数据库。请先停止服务；现有数据会先另存一份。"""
    target = _sqlite_file()
    if not file.exists():
        raise Invalid("file_missing", f"没有找到备份文件 {file}。")
    with sqlite3.connect(file) as copy:
        if copy.execute("PRAGMA integrity_check").fetchone()[0] != "ok":
            raise Invalid("backup_damaged", f"{file} 不完整，没有恢复。请换一个备份。")
        if target.exists():
            aside = target.with_suffix(f".before-restore-{utc_now():%Y%m%d%H%M%S}.db")
            with sqlite3.connect(target) as live, sqlite3.connect(aside) as kept:
                live.backup(kept)
            # The anchor belongs to the data that it was written for, and goes aside with them.
            anchor = settings().journal_anchor
            if anchor.exists():
                anchor.rename(aside.with_suffix(".journal-anchor.json"))
        with sqlite3.connect(target) as live:
            copy.backup(live)
    schema.upgrade(the_works(as_it_stands=True).engine)
    out({"restored": str(file)}, as_json, f"已从 {file} 恢复。")


def _sqlite_file() -> Path:
    url = settings().database_url
    if not url.startswith("sqlite:///"):
        raise Invalid("use_pg_dump", "PostgreSQL 请用 pg_dump 备份、pg_restore 恢复。")
    return Path(url.removeprefix("sqlite:///"))


@db.command("verify")
def db_verify(as_json: Json = False) -> None:
    """核对日志链：任何改过的一行都会被找出来。"""
    _verify(as_json)


@app.command("verify")
def verify(as_json: Json = False) -> None:
    """核对日志链：任何改过的一行都会被找出来。"""
    _verify(as_json)


def _verify(as_json: bool) -> None:
    works, file = the_works(), settings().journal_anchor
    try:
        # Read first: the chain may grow meanwhile, and must then reach further than the file.
        beside = journal.read_anchor(file)
    except ValueError as error:
        raise Invalid("anchor_damaged", f"锚点文件 {file} 读不出来，无法核对日志末尾。请从另存的副本恢复它。") from error
    with works.read(SYSTEM) as work:
        verdict = journal.verify(work.session, beside)
        down = guards.problems(work.session.connection())
    data = {"intact": verdict.intact and not down, "sealed": verdict.sealed, "unsealed": verdict.unsealed,
            "broken_at": verdict.broken_at, "cut_at": verdict.cut_at, "anchored": verdict.anchored,
            "guards_down": down}
    said = []
    if verdict.broken_at is not None:
        said.append(f"日志链在第 {verdict.broken_at} 条断开：这一条被改过、删过或插入过。")
    if verdict.cut_at is not None:
        said.append(f"日志链从第 {verdict.cut_at} 条起被截掉，锚点记得它们存在过。如果刚恢复过较早的备份，缺的就是备份以后的记录。")
    if down:
        said.append(f"数据库的 {len(down)} 道防线不在：{'、'.join(down)}。运行 ./zhike db upgrade 会重新建立。")
    if said:
        out(data, as_json, "\n".join(said))
        raise typer.Exit(1)
    beside_too = "，与锚点文件一致" if beside is not None else "；还没有锚点文件"
    out(data, as_json, f"日志链完整：{verdict.sealed} 条已封存，{verdict.unsealed} 条等待封存{beside_too}。"
                       f"数据库防线都在。")


# --- people -------------------------------------------------------------------------------------


@user.command("add")
def user_add(username: str, role: Annotated[list[str], typer.Option("--role")],
             name: Annotated[str, typer.Option("--name")] = "",
             mail: Annotated[str, typer.Option("--mail", help="收提醒信的邮箱。")] = "", as_json: Json = False) -> None:
    """添加员工；密码从标准输入或提示读取。"""
    password = _ask_password()
    with the_works().begin(SYSTEM) as work:
        staff = people.add(work, username, name or username, role, password, mail=mail)
    out({"username": staff.username, "id": staff.id}, as_json, f"已添加 {staff.username}。")


@user.command("passwd")
def user_passwd(username: str, as_json: Json = False) -> None:
    """修改密码，同时结束这个账号的所有登录。"""
    password = _ask_password()
    with the_works().begin(SYSTEM) as work:
        people.set_password(work, username, password)
    out({"username": username}, as_json, f"{username} 的密码已修改，需要重新登录。")


@user.command("mail")
def user_mail(username: str, address: Annotated[str, typer.Argument()] = "", as_json: Json = False) -> None:
    """登记收提醒信的邮箱：时限逐级告知到谁，也给谁发一封信。不写邮箱就是不再发。"""
    with the_works().begin(SYSTEM) as work:
        given = people.set_mail(work, username, address).mail
    out({"username": username, "mail": given}, as_json, f"{username} 的提醒信：{given or '不再发送'}。")


@user.command("list")
def user_list(as_json: Json = False) -> None:
    """员工名单。"""
    with the_works().read(SYSTEM) as work:
        everybody = people.everybody(work.session)
    rows = [{"username": one.username, "name": one.display_name, "roles": roles, "active": one.active,
             "mail": one.mail} for one, roles in everybody]
    words = [f"{one.username:<12}{one.display_name}  {'、'.join(roles)}  {one.mail or ''}" for one, roles in everybody]
    out(rows, as_json, "\n".join(words) or "还没有员工。")


def _ask_password() -> str:
    if sys.stdin.isatty():
        given: str = typer.prompt("密码", hide_input=True, confirmation_prompt="再输一次")
        return given
    return sys.stdin.readline().rstrip("\n")


# --- deadlines and calendars --------------------------------------------------------------------


@deadline.command("explain")
def deadline_explain(start: Annotated[str, typer.Option("--start")],
                     working_days: Annotated[int | None, typer.Option("--working-days")] = None,
                     regime: Annotated[str | None, typer.Option("--regime")] = None,
                     amount: Annotated[int | None, typer.Option("--amount", help="时限的数，单位见 --unit。")] = None,
                     unit: Annotated[Unit, typer.Option("--unit")] = Unit.WORKING_HOURS,
                     group: Annotated[str | None, typer.Option("--group", help="按这个技能组的工作时间。")] = None,
                     pause: Annotated[list[str] | None, typer.Option(
                         "--pause", help="停表，写法「2026-02-14 10:00/2026-02-15 09:00」，可以写几次。")] = None,
                     extend: Annotated[int, typer.Option("--extend", help="再延几天。")] = 0,
                     customer: Annotated[bool, typer.Option("--customer", help="只说给客户听的话。")] = False,
                     as_json: Json = False) -> None:
    """一个期限怎么算出来的，逐日列出。"""
    instant = _instant(start)
    pauses = [_pause(one) for one in pause or []]
    with the_works().read(SYSTEM) as work:
        found = deadlines.compute(work.session, instant, regime, working_days, amount=amount, unit=unit, group=group,
                                  pauses=pauses, extend=extend)
    words = ([f"{rule['title']}：{rule['to_customer'] or '日期暂定，还不能告诉客户。'}" for rule in found["deadlines"]]
             if customer else _explained(found))
    out(found, as_json, "\n".join(words))


def _instant(given: str) -> datetime:
    try:
        return parse_shanghai(given)
    except ValueError as error:
        raise Invalid("bad_start", f"「{given}」不是时间，写法例如 2026-02-14 10:00。") from error


def _pause(given: str) -> tuple[datetime, datetime]:
    stopped, separator, again = given.partition("/")
    if not separator:
        raise Invalid("bad_pause", f"「{given}」不是停表的起止，写法例如 2026-02-14 10:00/2026-02-15 09:00。")
    return _instant(stopped), _instant(again)


def _explained(found: dict[str, Any]) -> list[str]:
    lines = []
    for rule in found["deadlines"]:
        due = datetime.fromisoformat(rule["due_at"])
        lines.append(f"{rule['title']}：{zh_datetime(due)}" + ("（暂定）" if rule["provisional"] else ""))
        lines += [f"  {text}" for text in rule["explanation"]]
    return lines


@calendar.command("import")
def calendar_import(file: Path, as_json: Json = False) -> None:
    """导入一年的官方放假安排（JSON）。"""
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Invalid("bad_file", f"读不了 {file}：需要 UTF-8 的 JSON 文件。") from error
    with the_works().begin(SYSTEM) as work:
        year = deadlines.import_year(work, data)
    out({"year": year}, as_json, f"{year} 年的官方日历已导入。")


@calendar.command("show")
def calendar_show(year: int, as_json: Json = False) -> None:
    """一年里哪些天放假、哪些天调休上班，是不是官方的。"""
    if not date.min.year < year < date.max.year:
        raise Invalid("bad_year", "年份不对。")
    with the_works().read(SYSTEM) as work:
        found = deadlines.year(work.session, year)
    words = [f"{year} 年：" + ("官方日历" if found["official"] else "暂定，官方安排还没有公布")]
    words += [f"  {day['date']} {day['name']}{'（放假）' if day['isOffDay'] else '（上班）'}" for day in found["days"]]
    out(found, as_json, "\n".join(words))


# --- scripts ------------------------------------------------------------------------------------


@script.command("export")
def scripts_export(file: Annotated[Path | None, typer.Argument()] = None, as_json: Json = False) -> None:
    """导出话术（.xlsx 或 .json；不写文件名则输出 JSON）。"""
    with the_works().read(SYSTEM) as work:
        rows = scripts.export_rows(work.session)
        if file is not None:
            scripts.write_file(rows, file)
    out(rows if file is None else {"file": str(file), "rows": len(rows)}, as_json or file is None,
        f"已导出 {len(rows)} 条到 {file}。")


@script.command("import")
def scripts_import(file: Path, author: Annotated[str, typer.Option("--author")] = "import",
                   as_json: Json = False) -> None:
    """导入话术为草稿，照常审批；每一行的问题都会列出，没问题的行照样导入。"""
    with the_works().begin(SYSTEM) as work:
        report = scripts.import_file(work, file, author)
    out(report, as_json, f"导入 {report['imported']} 条草稿，{len(report['problems'])} 行有问题。\n" + "\n".join(
        f"  第 {bad['row']} 行：{bad['reason']}" for bad in report["problems"]))
    if report["problems"]:
        raise typer.Exit(1)


# --- trying it out -------------------------------------------------------------------------------


@demo.command("month")
def demo_month(days: Annotated[int, typer.Option("--days", help="往前多少天。")] = 30,
               conversations: Annotated[int, typer.Option("--conversations", help="多少次对话。")] = 400,
               seed: Annotated[int, typer.Option("--seed", help="同一个数编出同样的内容。")] = 1,
               force: Annotated[bool, typer.Option("--force", help="已有对话也照样写入。")] = False,
               as_json: Json = False) -> None:
    """编一个月的对话、转人工、评价和投诉，内容全是虚构的。只用于试用，请先停下服务再运行。"""
    if not force and _serving(settings().port):
        raise Conflict("house_is_running", f"{settings().port} 端口上的服务正在运行，它会接走还没结束的对话，没有写入。"
                                           "请先停下服务再试；确定不是同一个数据库的，加 --force。")
    made = month.make(the_works(), settings().pack_dir, utc_now(), days=days, talks=conversations, seed=seed,
                      force=force)
    out(made, as_json, month.in_words(made))


def _serving(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


# --- doctor -------------------------------------------------------------------------------------


@app.command("doctor")
def doctor(as_json: Json = False) -> None:
    """检查这套安装缺什么、错在哪、怎么补。"""
    config = settings()
    checks: list[dict[str, Any]] = []

    def check(what: str, good: bool, mend: str) -> None:
        checks.append({"what": what, "ok": good, "mend": "" if good else mend})

    root = Path(__file__).resolve().parent.parent
    check("机器人环境", (root / ".venv/bot/bin/python").exists(), "运行 make setup")
    check("机器人模型", (root / "models/zhike.tar.gz").exists(), "运行 make model")
    check("起始资料", (config.pack_dir / "organisation.yml").exists(), f"缺少 {config.pack_dir}，检查 ZHIKE_PACK")
    mode = (config.var_dir / "secrets.json").stat().st_mode & 0o077
    check("密钥文件权限", mode == 0, f"运行 chmod 600 {config.var_dir / 'secrets.json'}")
    try:
        check("数据库结构", schema.is_current(the_works(as_it_stands=True).engine), "运行 ./zhike db upgrade")
    except Exception as error:
        check("数据库连接", False, f"连不上 {place(config.database_url)}：{type(error).__name__}")
    words = [f"{'✓' if one['ok'] else '✗'} {one['what']}{'' if one['ok'] else '：' + one['mend']}" for one in checks]
    out(checks, as_json, "\n".join(words))
    if not all(one["ok"] for one in checks):
        raise typer.Exit(1)


def main() -> None:
    """Entry point: coded errors become a sentence on stderr and exit code 1."""
    logs.configure("WARNING")
    try:
        try:
            app()
        except OperationalError as error:
            raise Unavailable("database_unreachable", f"数据库（{place(settings().database_url)}）没有应答：{error.orig}\n"
                                                      "请确认它在运行、DATABASE_URL 写得对，再试一次。") from error
    except ZhikeError as error:
        if "--json" in sys.argv:
            typer.echo(json.dumps(error.as_dict(), ensure_ascii=False), err=True)
        else:
            typer.echo(error.message, err=True)
        raise SystemExit(1) from error


if __name__ == "__main__":
    main()
