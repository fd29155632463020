import Broker
import Hummingbird
import Logging
import NIOCore

/// What the connections of one event loop share.
///
/// Confined to its event loop.
final class ConnectionServices {
    let limits: GatewayLimits
    let shard: Shard
    private(set) var admission: Admission
    let router: RouterBridge
    let logger: Logger
    private(set) var heads: AnswerHeads
    let connections = OpenConnections()
    let lag: LoopLag

    init(
        limits: GatewayLimits,
        access: AccessPolicy,
        authenticator: Authenticator,
        shard: Shard,
        responder: any HTTPResponder<GatewayContext>,
        logger: Logger
    ) {
        (self.limits, self.shard, self.logger) = (limits, shard, logger)
        admission = Admission(
            limits: limits,
            access: access,
            authenticator: authenticator,
            counters: shard.counters,
            bodies: shard.shared.bodies,
            strangers: shard.shared.strangers
        )
        router = RouterBridge(responder: responder, streams: limits.streams, shared: shard.shared, logger: logger)
        heads = AnswerHeads(access: access)
        lag = shard.shared.lags.add()
    }

    var log: MessageLog { shard.log }
    var counters: Counters { shard.counters }

    /// Other origins are allowed from now on.
    func change(to access: AccessPolicy) {
        admission.access = access
        heads.access = access
    }

    /// Called about once a second.
    func tick(_ now: NIODeadline) {
        counters.loopLags.observe(lag.called(at: now))
        heads.refresh()
        connections.forEach { $0.tick(now) }
    }
}
