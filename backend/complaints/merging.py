"""Two complaints about one matter: handled as one, and nobody's promise is lost."""

from backend.complaints import clocks, rules, store
from backend.complaints.rules import Stage
from backend.complaints.tables import Complaint
from backend.complaints.thread import append
from backend.infra.work import Work
from backend.kernel.contacts import parse_complaint_no
from backend.kernel.errors import Invalid


def target(work: Work, number: str) -> str:
    """The id of the complaint that another is merged into. Raises Invalid (``merge_target_unknown``)."""
    message = "没有这个编号的投诉，请核对要合并到哪一件。"
    try:
        normal = parse_complaint_no(number)
    except Invalid as error:
        raise Invalid("merge_target_unknown", message, fields={"into": message}) from error
    found = store.id_of(work.session, normal)
    if found is None:
        raise Invalid("merge_target_unknown", message, fields={"into": message})
    return found


def same_person(one: Complaint, other: Complaint) -> bool:
    """The same customer, or the same contact on another channel."""
    return one.customer_id == other.customer_id or one.contact.lower() == other.contact.lower()


def check(work: Work, complaint: Complaint, into: Complaint) -> None:
    """Both rows are held. Raises Conflict with the code of what is wrong."""
    rules.check_merge(
        same_case=complaint.id == into.id,
        same_person=same_person(complaint, into),
        into_stage=Stage(into.stage),
        into_is_merged=into.merged_into_id is not None,
        holds_others=bool(store.merged_ids(work.session, complaint.id)),
    )


def tie(work: Work, complaint: Complaint, into_id: str, text: str) -> None:
    """Both threads say it. The merged one's clocks run on, and whatever keeps the other's keeps them."""
    work.flush()
    into = store.by_id(work.session, into_id)
    assert into is not None  # held by the caller
    append(
        work,
        complaint,
        "update",
        public=True,
        text=f"这件和 {into.number} 是同一件事，合并在一起办。答应您的时间不变，有结果这里也会更新。",
    )
    append(work, into, "merged_in", text=text, other=complaint.number)
    into.urged += complaint.urged
    into.priority = max(into.priority, complaint.priority)
    clocks.refresh(work, into)


def pass_on(work: Work, complaint: Complaint, text: str) -> None:
    """What the customer was told stands on the receipts of the merged complaints too: it is the same person."""
    for other in store.merged_into(work.session, complaint.id):
        append(work, other, "update", public=True, text=text)
