"""What the account is set to, and what its key may do, against the configuration."""

from typing import Final

from hedgegrid_tui.engine.binance.preflight.answers import Topic
from hedgegrid_tui.engine.binance.preflight.finding import Finding, fails, money, passes, to_write, warns
from hedgegrid_tui.engine.binance.preflight.scene import Scene
from hedgegrid_tui.engine.binance.rest.rows import Row
from hedgegrid_tui.engine.plan import Mode

REFUSED_KEY: Final = {
    -1022: "the secret is not the one of this key: set both anew as Binance's API management shows them",
    -2014: "this is no key of Binance: copy it anew from Binance's API management",
    -2015: "unknown key, an address that is not on its list, or no futures permission: look at all three in Binance's "
    "API management (testnet and live have keys of their own)",
}
"""What to do by the code of a refusal that is about the key itself. Source: Binance, USDS-M Futures, "Error Code"."""
MOVES_MONEY: Final = ("permitsUniversalTransfer", "enableInternalTransfer")
"""Rights that move money within Binance."""
MANAGEMENT: Final = "Binance's API management"
HEDGE_MODE: Final = (
    "on Binance: USDS-M Futures > (menu) Preferences > Position Mode > Hedge Mode; the account must hold no position "
    "and no open order for that"
)
SINGLE_ASSET: Final = (
    "on Binance: USDS-M Futures > (menu) Preferences > Asset Mode > Single-Asset Mode; the account must hold no "
    "position and no open order for that"
)


def key(scene: Scene) -> Finding:
    """What the key may do; one that can withdraw is refused, and what is not known is said."""
    can_trade = scene.account.can_trade
    if scene.mode is Mode.LIVE:
        return _permissions(scene.answers[Topic.KEY], can_trade=can_trade)
    if not can_trade:
        return fails("key", "the account may not trade", f"allow futures in {MANAGEMENT}, or ask Binance why")
    told = "the account may trade; the testnet does not tell whether the key may withdraw"
    return warns("key", told, "never use a key of the live account here")


def _permissions(rights: Row, *, can_trade: bool) -> Finding:
    if rights.flag("enableWithdrawals"):
        cure = f"take `Enable Withdrawals` from it in {MANAGEMENT}, or make another key without"
        return fails("key", "it can WITHDRAW: whoever reads it empties the account", cure)
    if not rights.flag("enableFutures"):
        return fails("key", "it may not trade futures", f"give it `Enable Futures` in {MANAGEMENT}")
    if not can_trade:
        return fails("key", "the account may not trade", "ask Binance why, or wait until it lets it trade again")
    open_words = [f"the right `{name}`" for name in MOVES_MONEY if rights.has(name) and rights.flag(name)]
    open_words += [] if rights.flag("ipRestrict") else ["no list of addresses that may use it"]
    if open_words:
        cure = f"in {MANAGEMENT}: restrict it to this machine's address, and to reading and futures"
        return warns("key", f"trades, cannot withdraw, but has {' and '.join(open_words)}", cure)
    return passes("key", "trades futures, cannot withdraw, bound to its addresses")


def hedge_mode(scene: Scene) -> Finding:
    """Both legs at once need hedge mode (dualSidePosition)."""
    if scene.answers[Topic.MODE] is not True:
        return fails("hedge mode", "off: the account nets both legs against each other", HEDGE_MODE)
    return passes("hedge mode", "on: both legs are held at once")


def assets_mode(scene: Scene) -> Finding:
    """With several assets as margin, equity and liquidation are other than what is reckoned here."""
    quote = scene.config.instrument.quote
    if scene.account.multi_assets:
        words = f"several assets secure the positions; caps, losses and liquidation are reckoned in {quote} alone"
        return fails("assets mode", words, SINGLE_ASSET)
    return passes("assets mode", f"single: {quote} alone secures the positions")


def margin_type(scene: Scene) -> Finding:
    """Cross or isolated, as configured."""
    venue, own = scene.settings.margin_type.value, scene.config.binance.margin_type.value
    if venue != own:
        at_venue = f"on Binance: {scene.symbol} > {own.capitalize()}, with no position or order open there;"
        cure = f"{at_venue}\nor {to_write('binance', margin_type=venue)}"
        return fails("margin", f"{venue} at Binance, {own} in the configuration", cure)
    if venue == "isolated":
        words = "isolated, as configured; distances to liquidation are reckoned for cross margin"
        return warns("margin", words, "use cross, or trust Binance's own liquidation price alone")
    return passes("margin", f"{venue}, as configured")


def leverage(scene: Scene) -> Finding:
    """The venue's leverage against the one that margins are reckoned with, and what it lets be held."""
    venue, own = scene.settings.leverage, scene.config.account.leverage
    most, worst = scene.settings.max_notional, scene.worst
    quote = scene.config.instrument.quote
    at_venue = f"on Binance: {scene.symbol} > leverage"
    if most is not None and worst > most:
        words = f"at {venue}x Binance lets {money(most)} {quote} be held, both legs may come to {money(worst)}"
        return fails("leverage", words, f"{at_venue}: a lower one; or lower the caps in [limits]")
    if venue != own:
        kind = "small" if venue < own else "large"
        words = f"{venue}x at Binance, {own}x configured: margins reckoned too {kind}"
        return warns("leverage", words, f"{at_venue} {own}x;\nor {to_write('account', leverage=venue)}")
    room = "" if most is None else f"; up to {money(most)} {quote} may be held"
    return passes("leverage", f"{venue}x, as configured{room}")
