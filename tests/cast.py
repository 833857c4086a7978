"""The small company of people that the tests are about."""

from sqlmodel import Session

from backend.infra.work import Work
from backend.kernel.actors import Actor, Role, staff_actor
from backend.kernel.clock import shanghai_instant
from backend.people.tables import Staff, StaffRole

# Friday, 9 October 2026, the second working day after the National Day holiday.
NOW = shanghai_instant(2026, 10, 9, 14, 36)

LIN_JIA = staff_actor("linjia", "林佳", [Role.AGENT])
ZHOU_YANG = staff_actor("zhouyang", "周杨", [Role.AGENT])
SU_MIN = staff_actor("sumin", "苏敏", [Role.SCRIPT_OWNER])
SHEN_LAN = staff_actor("shenlan", "沈岚", [Role.SCRIPT_APPROVER, Role.MANAGER])
HAN_TAO = staff_actor("hantao", "韩涛", [Role.MANAGER])
HE_CHUAN = staff_actor("hechuan", "何川", [Role.QUALITY])
ADMIN = staff_actor("admin", "管理员", [Role.ADMIN])

EVERYBODY: tuple[Actor, ...] = (LIN_JIA, ZHOU_YANG, SU_MIN, SHEN_LAN, HAN_TAO, HE_CHUAN, ADMIN)


def hire(work: Work | Session) -> None:
    """Put the whole cast on the payroll (no usable passwords)."""
    session = work.session if isinstance(work, Work) else work
    for person in EVERYBODY:
        if session.get(Staff, person.id) is not None:
            continue
        session.add(Staff(id=person.id, username=person.id, display_name=person.name, password_hash="!",
                          skill_groups="售前,售后,投诉", created_at=NOW))
        session.flush()
        for role in person.roles:
            session.add(StaffRole(staff_id=person.id, role=role))
    session.flush()
