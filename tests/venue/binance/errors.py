"""Binance's refusals: code, HTTP status and words, as an exception and as a body."""

from collections.abc import Mapping
from dataclasses import dataclass, field

WORDS: Mapping[int, tuple[int, str]] = {
    -1000: (400, "An unknown error occurred while processing the request."),
    -1001: (503, "Internal error; unable to process your request. Please try again."),
    -1003: (429, "Too many requests; current limit of IP is 2400 requests per minute."),
    -1006: (503, "An unexpected response was received from the message bus. Execution status unknown."),
    -1007: (503, "Timeout waiting for response from backend server. Send status unknown; execution status unknown."),
    -1008: (503, "Server is currently overloaded with other requests. Please try again in a few minutes."),
    -1015: (429, "Too many new orders; current limit is 300 orders per TEN_SECONDS."),
    -1016: (503, "This service is no longer available."),
    -1021: (400, "Timestamp for this request is outside of the recvWindow."),
    -1022: (400, "Signature for this request is not valid."),
    -1102: (400, "Mandatory parameter was not sent, was empty/null, or malformed."),
    -1106: (400, "Parameter 'reduceonly' sent when not required."),
    -1111: (400, "Precision is over the maximum defined for this asset."),
    -1116: (400, "Invalid orderType."),
    -1121: (400, "Invalid symbol."),
    -1125: (400, "This listenKey does not exist."),
    -2011: (400, "Unknown order sent."),
    -2013: (400, "Order does not exist."),
    -2014: (401, "API-key format invalid."),
    -2015: (401, "Invalid API-key, IP, or permissions for action."),
    -2019: (400, "Margin is insufficient."),
    -2021: (400, "Order would immediately trigger."),
    -2022: (400, "ReduceOnly Order is rejected."),
    -2025: (400, "Reach max open order limit."),
    -4003: (400, "Quantity less than or equal to zero."),
    -4014: (400, "Price not increased by tick size."),
    -4016: (400, "Limit price can't be higher than the percent price allows."),
    -4024: (400, "Limit price can't be lower than the percent price allows."),
    -4028: (400, "Leverage is not valid."),
    -4045: (400, "Reach max stop order limit."),
    -4046: (400, "No need to change margin type."),
    -4047: (400, "Margin type cannot be changed if there exists open orders."),
    -4059: (400, "No need to change position side."),
    -4061: (400, "Order's position side does not match user's setting."),
    -4068: (400, "Position side cannot be changed if there exists position."),
    -4116: (400, "ClientOrderId is duplicated."),
    -4120: (400, "Order type not supported for this endpoint. Please use the Algo Order API endpoints instead."),
    -4164: (400, "Order's notional must be no smaller than 100 (unless you choose reduce only)."),
    -5021: (400, "Due to the order could not be filled immediately, the FOK order has been rejected."),
    -5022: (400, "Due to the order could not be executed as maker, the Post Only order will be rejected."),
    -5027: (400, "No need to modify the order."),
}
"""Status and words by code; -1006, -1007 and 503 with -1001 leave the order's fate unknown."""


@dataclass
class ApiError(Exception):
    """A refusal on its way to the client."""

    code: int
    message: str = ""
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        status, words = WORDS.get(self.code, (400, "An unknown error occurred."))
        self.status = self.status or status
        self.message = self.message or words

    @property
    def body(self) -> dict[str, object]:
        """What stands in the answer."""
        return {"code": self.code, "msg": self.message}
