import Broker
import Hummingbird
import Logging
import NIOCore
import NIOHTTP1

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
    let requestLog: RequestLog
    /// Nil where nobody traces.
    let tracing: RequestTracing?
    private var ids: RequestIDs

    init(
        limits: GatewayLimits,
        access: AccessPolicy,
        authenticator: Authenticator,
        shard: Shard,
        ids: RequestIDs,
        tracing: RequestTracing?,
        responder: any HTTPResponder<GatewayContext>,
        logger: Logger
    ) {
        (self.ids, self.tracing) = (ids, tracing)
        requestLog = RequestLog(logger, shard.shared.logQuota)
        (self.limits, self.shard, self.logger) = (limits, shard, logger)
        admission = Admission(
            limits: limits,
            access: access,
            authenticator: authenticator,
            counters: shard.counters,
            bodies: shard.shared.bodies,
            strangers: shard.shared.strangers
        )
        router = RouterBridge(
            responder: responder,
            streams: limits.streams,
            sockets: limits.sockets,
            shared: shard.shared,
            logger: logger
        )
        heads = AnswerHeads(access: access)
        lag = shard.shared.lags.add()
    }

    var log: MessageLog { shard.log }
    var counters: Counters { shard.counters }

    /// What a request, or something that is none, is called.
    func makeID() -> RequestID { ids.make() }

    /// What a request is called: as a trusted proxy has called it, else by a name of our own.
    func id(of head: HTTPRequestHead, from peer: AddressBytes?) -> RequestID {
        let proxies = shard.shared.strangers.proxies
        if !proxies.isEmpty, proxies.trust(peer), case let names = head.headers["x-request-id"], names.count == 1,
            let id = RequestID(given: names[0])
        {
            return id
        }
        return ids.make()
    }

    /// Other origins are allowed from now on.
    func change(to access: AccessPolicy) {
        admission.access = access
        heads.access = access
    }

    /// Called about once a second.
    func tick(_ now: NIODeadline) {
        counters.loopLags.observe(lag.called(at: now))
        heads.refresh()
        requestLog.tick(now)
        connections.forEach { $0.tick(now) }
    }
}
