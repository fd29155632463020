import Broker
import HTTPTypes
import NIOCore
import NIOHTTP1

/// What one client may take, among many that nobody knows: connections of an address, publishes of a token or an address,
/// streams of a user. Without a limit nothing is counted.
///
/// Safe to use from any thread.
final class Strangers: Sendable {
    /// Whose publishes are counted together.
    enum Publisher: Hashable, Sendable {
        case token(VerifiedToken.Digest)
        /// Nil: those who come by a Unix socket.
        case address(AddressBytes?)
    }

    let proxies: TrustedProxies
    private let connectionLimit: Int?
    private let connections = SeatCounts<AddressBytes>()
    private let streamLimit: Int?
    private let streams = SeatCounts<String>()
    private let publishes: RateLimit<Publisher>?
    /// Nil without keys. Nil is whoever comes by a Unix socket.
    private let badTokens: RateLimit<AddressBytes?>?
    private let counters: Counters

    init(_ configuration: GatewayConfiguration, _ counters: Counters) {
        proxies = TrustedProxies(configuration.trustedProxies)
        connectionLimit = configuration.maximumConnectionsPerAddress
        streamLimit = configuration.maximumStreamsPerUser
        publishes = configuration.publishRate.map { RateLimit($0) }
        badTokens = configuration.access.hasKeys ? RateLimit(configuration.badTokenRate) : nil
        self.counters = counters
    }

    /// Whether somebody asks where connections come from.
    private var looksAtPeers: Bool {
        connectionLimit != nil || publishes != nil || badTokens != nil || !proxies.isEmpty
    }

    /// The other end of a connection; nil where nobody asks for it, and for a Unix socket.
    func peer(of channel: any Channel) -> AddressBytes? {
        looksAtPeers ? AddressBytes(channel.remoteAddress) : nil
    }

    /// How many tokens and addresses have a rate that is not full. For metrics.
    var publishers: Int { publishes?.keys ?? 0 }

    // MARK: Connections

    enum Room {
        case enough
        /// Too many come from there: it is answered once, so that its client learns why.
        case none
        /// Far too many: not even that.
        case noAnswer
    }

    /// Counts a connection of an address until it is closed. Those of proxies are many people's, and are not counted.
    func room(for channel: any Channel, from peer: AddressBytes?) -> Room {
        guard let connectionLimit, let peer, !proxies.trust(peer) else { return .enough }
        let seat = connections.take(peer.forLimits)
        channel.closeFuture.whenComplete { _ in withExtendedLifetime(seat) {} }
        guard seat.number > connectionLimit else { return .enough }
        counters.refusedConnections.add(1)
        guard seat.number > 2 * connectionLimit + 10 else { return .none }
        // No request of it will come to be refused.
        counters.rejections.add(1, .address)
        return .noAnswer
    }

    var tooManyConnections: Problem {
        Problem(
            .tooManyRequests,
            "Too many connections are open from this address "
                + "(\(GatewayConfiguration.Settings.maxConnectionsPerAddress) \(connectionLimit ?? 0)). Close some, or try again "
                + "in a moment.",
            headers: [.retryAfter: "5"],
            rejection: .address
        )
    }

    // MARK: Streams

    /// A seat for a stream of a user, to be held for as long as it lives.
    ///
    /// - Returns: Whether there is room, and the seat where streams are counted.
    func streamSeat(for principal: Principal) -> (isFree: Bool, seat: Seat?) {
        guard let streamLimit, let user = principal.token?.user else { return (true, nil) }
        let seat = streams.take(user)
        return seat.number <= streamLimit ? (true, seat) : (false, nil)
    }

    /// For a long poll; a stream is asked to come back instead.
    var tooManyStreams: Problem {
        Problem(
            .tooManyRequests,
            "Too many streams and polls of this user are open (\(GatewayConfiguration.Settings.maxStreamsPerUser) "
                + "\(streamLimit ?? 0)). Close some, or try again in a moment.",
            headers: [.retryAfter: "5"]
        )
    }

    // MARK: Tokens

    /// To be asked before a token is checked that nobody knows yet: that costs a signature check each time.
    ///
    /// - Parameter client: Nil for whoever comes by a Unix socket.
    /// - Returns: The refusal where the last ones of this client did not count, and came too fast.
    func tooManyBadTokens(of client: AddressBytes?, now: NIODeadline) -> Problem? {
        guard let wait = badTokens?.wait(of: client, now: now) else { return nil }
        let seconds = Self.seconds(wait)
        return Problem(
            .tooManyRequests,
            "Too many tokens that do not count come from this address (--bad-token-rate), so this one was not looked at. Try again "
                + "in \(seconds) s. Tokens that were used lately are not held up.",
            headers: [.retryAfter: "\(seconds)"],
            rejection: .guesses
        )
    }

    func countBadToken(of client: AddressBytes?, now: NIODeadline) {
        badTokens?.charge(1, to: client, now: now)
    }

    private static func seconds(_ wait: TimeAmount) -> Int64 {
        max(1, (wait.nanoseconds + 999_999_999) / 1_000_000_000)
    }

    // MARK: Publishes

    /// Counts publishes before they are made.
    ///
    /// - Throws: ``Problem``: 429 with `Retry-After` (RFC 6585 §4).
    func checkPublish(
        by principal: Principal,
        _ headers: HTTPHeaders,
        from peer: AddressBytes?,
        now: @autoclosure () -> NIODeadline
    ) throws(Problem) {
        guard publishes != nil else { return }
        try checkPublish(by: publisher(principal, headers, peer), now: now())
    }

    /// As the other, for whoever was found before: see ``publisher(_:_:_:)``.
    func checkPublish(by publisher: Publisher, now: @autoclosure () -> NIODeadline) throws(Problem) {
        guard let publishes else { return }
        guard let wait = publishes.take(of: publisher, now: now()) else { return }
        counters.refusedPublishes.add(1)
        let seconds = Self.seconds(wait)
        throw Problem(
            .tooManyRequests,
            "Too many messages come from this client (--publish-rate). Nothing was stored. Send it again in \(seconds) s.",
            headers: [.retryAfter: "\(seconds)"],
            rejection: .rate
        )
    }

    /// Counts the rest of a batch, which was let in as one: those that follow wait for it.
    func countBatch(
        _ count: Int,
        by principal: Principal,
        _ headers: HTTPHeaders,
        from peer: AddressBytes?,
        now: NIODeadline
    ) {
        guard let publishes, count > 1 else { return }
        publishes.charge(count - 1, to: publisher(principal, headers, peer), now: now)
    }

    /// Whose rate a client's publishes count for.
    func publisher(_ principal: Principal, _ headers: HTTPHeaders, _ peer: AddressBytes?) -> Publisher {
        principal.token.map { .token($0.digest) } ?? .address(proxies.client(headers, peer: peer)?.forLimits)
    }
}
