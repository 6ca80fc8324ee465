"""Loads that do not go straight to their buyer: redirected, refused in part, transferred to other trucks (W10, W11)."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import ClassVar

from service.domain.policies import Policies
from service.domain.refusals import Refusal
from service.domain.tickets import (
    ContractIsAFramework,
    ContractIsClosed,
    Journey,
    Paper,
    Ticket,
    TicketState,
    WriteOffNeedsAnOffice,
    check_open,
)
from service.domain.units import Kilograms


class NotRedirectable(Refusal):
    """This load cannot be redirected: it goes by a slip, through a trader, or is a part of one out of stock; weigh it back in."""

    title: ClassVar[str] = (
        "该货物不能改运：属企业内部交接、转售直运，或为库存货物分车、拒收的部分；请过磅退回后另开运单"
    )
    rule: ClassVar[str | None] = "W10"


class RedirectNeedsTheBuyersContract(Refusal):
    """A load goes to another buyer under that buyer's own contract only: same seller, same mine, same earmark."""

    title: ClassVar[str] = "改运须凭新买方自己的合同：卖方、矿山与专项用途须与原合同一致"
    rule: ClassVar[str | None] = "W10"


class NotOnTheRoad(Refusal):
    """Only a load that has been weighed out and is on the road can be transferred, closed or handed on."""

    title: ClassVar[str] = "只有已出矿过磅且在途的货物可以换车、结清"
    rule: ClassVar[str | None] = "W11"


class ChildrenExceedParent(Refusal):
    """The trucks would carry more than is left of what the scale has weighed; `left_kg` says how much that is."""

    title: ClassVar[str] = "换车各车数量之和超过原车过磅后剩余的数量：尚余 left_kg"
    rule: ClassVar[str | None] = "W11"


class NothingWasTransferred(Refusal):
    """Nothing of this load went on by another truck: it ends at its destination's scale, or is returned."""

    title: ClassVar[str] = "该货物没有换车记录，应在终点过磅或退回，不能直接结清"
    rule: ClassVar[str | None] = "W11"


class NotReceived(Refusal):
    """Only what the destination's scale has weighed in can be refused, once, before anything of it came back."""

    title: ClassVar[str] = "只有终点已过磅收货的货物可以拒收，且只能拒收一次，退回过磅后不再受理"
    rule: ClassVar[str | None] = "W10"


class RefusedMoreThanReceived(Refusal):
    """More would be refused than was received: accepted and refused are together what the scale said, `received_kg`."""

    title: ClassVar[str] = "拒收数量超过收货数量：接收与拒收之和须等于过磅数量 received_kg"
    rule: ClassVar[str | None] = "W10"


class NotOneTruck(Refusal):
    """Only loads of one plate, for one receiver, share a weighing; each under a ticket of its own."""

    title: ClassVar[str] = "只有同一车牌、同一收货方的货物可以共用一次过磅，且须各有运单"
    rule: ClassVar[str | None] = "W01"


def check_redirect(ticket: Ticket, journey: Journey, paper: Paper) -> None:
    """Refuse a redirection that the other buyer's contract does not bear (W10, E34).

    Raises TicketIsHeld, TicketHasEnded, NotRedirectable, RedirectNeedsTheBuyersContract and ContractIsClosed.
    """
    check_open(journey)
    # The lots of one proof have filled the load, and those of another must: that is told anew of whole loads only.
    is_whole = not (journey.split_kg or journey.closed_kg or journey.refused_kg or ticket.parent_id)
    is_part_of_stock = ticket.source_id is None and not is_whole
    if ticket.contract_id is None or ticket.onward_contract_id is not None or is_part_of_stock:
        raise NotRedirectable
    is_same_buyer = paper.buyer_id == ticket.buyer_id
    if is_same_buyer or (paper.seller_id, paper.source_id, paper.earmark) != (
        ticket.seller_id,
        ticket.source_id,
        ticket.earmark,
    ):
        raise RedirectNeedsTheBuyersContract
    if paper.is_closed:
        raise ContractIsClosed
    if paper.is_framework:
        raise ContractIsAFramework


def split(journey: Journey, trucks: Sequence[Kilograms], *, at: datetime) -> Journey:
    """A load of which parts go on by other trucks (W11); when nothing is left the parent's own journey has ended.

    Raises TicketIsHeld, TicketHasEnded, NotOnTheRoad and ChildrenExceedParent.
    """
    check_on_the_road(journey)
    asked_kg = sum(trucks)
    if asked_kg > journey.on_board_kg:
        raise ChildrenExceedParent(left_kg=journey.on_board_kg, asked_kg=asked_kg)
    gone = replace(journey, split_kg=Kilograms(journey.split_kg + asked_kg))
    return gone if gone.on_board_kg else replace(gone, state=TicketState.DELIVERED, ended_at=at)


def closed(journey: Journey, policies: Policies, *, by_an_office: bool, at: datetime) -> Journey:
    """A parent whose rest does not arrive anywhere: closed with a reason (W11); beyond the tolerance by an office only.

    Raises TicketIsHeld, TicketHasEnded, NotOnTheRoad, NothingWasTransferred and WriteOffNeedsAnOffice.
    """
    check_on_the_road(journey)
    if not journey.split_kg:
        raise NothingWasTransferred
    rest_kg = journey.on_board_kg
    if rest_kg > policies.transit_tolerance(Kilograms(journey.out_kg or 0)) and not by_an_office:
        raise WriteOffNeedsAnOffice(left_kg=rest_kg)
    return replace(journey, state=TicketState.DELIVERED, closed_kg=Kilograms(journey.closed_kg + rest_kg), ended_at=at)


def check_refusal(journey: Journey, refused_kg: Kilograms) -> None:
    """Refuse what cannot be refused of a load: accepted + refused = received, once (E33).

    Raises NotReceived and RefusedMoreThanReceived.
    """
    if journey.state is not TicketState.DELIVERED or journey.in_kg is None or journey.out_kg is None:
        raise NotReceived(state=journey.state)
    if journey.refused_kg or journey.back_kg is not None:
        raise NotReceived(state=journey.state, refused_kg=journey.refused_kg)
    if refused_kg > journey.in_kg:
        raise RefusedMoreThanReceived(received_kg=journey.in_kg, refused_kg=refused_kg)


def check_one_truck(together: Sequence[tuple[Ticket, Journey]]) -> None:
    """Refuse to share the first ticket's weighing with others that were not on its truck (E36).

    Raises NotOneTruck, NotReceived, NotOnTheRoad and what `check_on_the_road` raises.
    """
    (named, received), *others = together
    trucks = {(ticket.plate, ticket.onward_buyer_id or ticket.buyer_id) for ticket, _ in together}
    if not others or len(trucks) > 1:
        raise NotOneTruck(plates=sorted({ticket.plate for ticket, _ in together}))
    was_weighed = received.in_kg is not None and received.out_kg is not None
    is_whole = not (received.refused_kg or received.split_kg) and received.back_kg is None
    if received.state is not TicketState.DELIVERED or not was_weighed or not is_whole or named.onward_contract_id:
        raise NotReceived(state=received.state)
    for _, journey in others:
        check_on_the_road(journey)
        if journey.split_kg:
            raise NotOnTheRoad(state=journey.state)


def apportioned(whole_kg: Kilograms, weights: Sequence[Kilograms]) -> list[Kilograms]:
    """A quantity in shares by weight, whole kilograms: floored, and the rest to the largest remainders (E36, E52)."""
    total = sum(weights)
    shares = [whole_kg * weight // total for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda place: (-(whole_kg * weights[place] % total), place))
    for place in by_remainder[: whole_kg - sum(shares)]:
        shares[place] += 1
    return [Kilograms(share) for share in shares]


def check_on_the_road(journey: Journey) -> None:
    """Refuse what only a load on its way to its first destination can bear: TicketIsHeld, TicketHasEnded, NotOnTheRoad."""
    check_open(journey)
    if journey.state is not TicketState.OUT or journey.in_kg is not None:
        raise NotOnTheRoad(state=journey.state)
