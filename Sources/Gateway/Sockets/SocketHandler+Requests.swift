import Broker
import HTTPTypes
import NIOCore

/// What a client asks for.
extension SocketHandler {
    func take(_ text: ByteBuffer) {
        if let session { return session.received(text) }
        guard text.readableBytes > ClientFrame.longFrame, let context else { return take(ClientFrame(text)) }
        isParsing = true
        let this = NIOLoopBound(self, eventLoop: context.eventLoop)
        let share = BudgetShare(of: shard.shared.bodies)
        guard share.take(text.readableBytes) else { return comeBackLater() }
        shard.shared.outside.parse {
            let frame = ClientFrame(text)
            this.eventLoop.execute {
                withExtendedLifetime(share) {}
                this.value.isParsing = false
                guard !this.value.hasEnded, this.value.context != nil else { return }
                this.value.take(frame)
                this.value.proceed()
            }
        }
    }

    private func take(_ frame: ClientFrame) {
        do throws(Problem) {
            switch try frame.request.get() {
            case .ping(let value):
                answer(ServerFrame.pong(value, ref: frame.ref))
            case .unsubscribe(let name):
                try unsubscribe(name)
                answer(ServerFrame.unsubscribed(name, ref: frame.ref))
            case .subscribe(let fields):
                let (name, request) = try subscription(fields)
                begin(name, request, ref: frame.ref)
            case .publish(let fields):
                try publish(fields, ref: frame.ref)
            }
        } catch {
            refuse(error, ref: frame.ref, subscription: frame.subscription)
        }
    }

    func refuse(_ problem: Problem, ref: ByteBuffer?, subscription: String? = nil) {
        shard.counters.refusedSocketRequests.add(1)
        answer(ServerFrame.error(problem, ref: ref, subscription: subscription))
    }

    // MARK: Subscriptions

    /// The subscription that an address asks for is named `""`.
    func begin(_ name: String, _ request: Subscriber.Request, ref: ByteBuffer? = nil) {
        guard !hasEnded, context != nil else { return }
        let subscription = SocketSubscription(name: name, request, ref: ref, on: self)
        subscriptions[name] = subscription
        subscription.begin()
    }

    private func unsubscribe(_ name: String) throws(Problem) {
        guard let subscription = subscriptions.removeValue(forKey: name) else {
            throw Problem(
                .notFound,
                "There is no subscription \(name.quotedForPeople) on this socket: 'subscribed' named those there are."
            )
        }
        subscription.end()
    }

    private func subscription(_ fields: ClientFrame.SubscribeFields) throws(Problem) -> (String, Subscriber.Request) {
        let now = shard.settings.wallClock()
        try principal.checkTime(now)
        let topics = try topics(of: fields)
        guard let name = fields.name else {
            throw Problem(
                .badRequest,
                "The subscription has no \"name\": its messages come without, but its end needs it."
            )
        }
        if fields.presence { throw .notImplemented("Presence on a WebSocket") }
        try checkCount(of: topics)
        let given = [("since", fields.since), ("last", fields.last), ("last_event_id", fields.lastEventID)]
        let start = try Subscriber.Request.start(
            lastEventID: nil,
            given.compactMap { name, value in value.map { (name: name, value: $0) } },
            maximumLast: services.limits.last,
            now: now,
            otherwise: .latest
        )
        try checkRoom(for: name, topics)
        var origin = origin
        origin.since = now
        var grant = StreamGrant(groups: topics.compactMap(\.group).sorted())
        grant.patterns = topics.sorted().compactMap(\.pattern)
        let request = Subscriber.Request(
            feedKey: Feed.Key(topics: topics.sorted(), style: .socket),
            start: start,
            requested: start.requested,
            // The socket ends with its token, and its subscriptions with it.
            grant: grant,
            origin: origin
        )
        return (name, request)
    }

    /// A right that lacks comes before anything else that is wrong.
    private func topics(of fields: ClientFrame.SubscribeFields) throws(Problem) -> Set<Topic> {
        // Far beyond what one may have: not worth the loop's time to judge each.
        let most = 10 * (services.limits.groupsPerStream + services.limits.patternsPerStream)
        guard fields.groups.count + fields.patterns.count <= most else {
            throw Problem(
                .badRequest,
                "A subscription of so many names is refused unread: at most \(most). Make several of it."
            )
        }
        var topics: Set<Topic> = []
        var refusal: BrokerError?
        for name in fields.groups {
            do throws(BrokerError) { topics.insert(.group(try GroupName(name))) } catch { refusal = refusal ?? error }
        }
        var patterns: [ChannelPattern] = []
        for pattern in fields.patterns {
            do throws(BrokerError) {
                patterns.append(try ChannelPattern(group: pattern))
            } catch {
                refusal = refusal ?? error
            }
        }
        let access = GroupAccess(principal: principal, right: .subscribe)
        for topic in topics { try principal.check(.subscribe, topic) }
        for pattern in patterns { topics.insert(.pattern(try access.check(pattern))) }
        if let refusal { throw Problem(refusal) }
        return topics
    }

    private func checkCount(of topics: Set<Topic>) throws(Problem) {
        guard !topics.isEmpty else {
            throw Problem(
                .badRequest,
                "The subscription follows nothing: name its \"groups\", such as [\"my-group\"], or patterns to \"match\"."
            )
        }
        typealias Settings = GatewayConfiguration.Settings
        let (limits, groups) = (services.limits, topics.count { $0.group != nil })
        guard groups <= limits.groupsPerStream else {
            throw Problem(
                .badRequest,
                "A subscription may follow \(limits.groupsPerStream) groups (\(Settings.maxGroupsPerStream)), not "
                    + "\(groups). Make several of it, or follow a pattern."
            )
        }
        guard topics.count - groups <= limits.patternsPerStream else {
            throw Problem(
                .badRequest,
                "A subscription may follow \(limits.patternsPerStream) patterns (\(Settings.maxPatternsPerStream)), not "
                    + "\(topics.count - groups). Make several of it."
            )
        }
    }

    /// Messages say their group and not their subscription, so no two may follow the same group.
    private func checkRoom(for name: String, _ topics: Set<Topic>) throws(Problem) {
        guard subscriptions[name] == nil else {
            throw Problem(
                .conflict,
                "The name \(name.quotedForPeople) is in use on this socket: unsubscribe it first, or take another."
            )
        }
        let patterns = topics.filter { $0.group == nil }
        for other in subscriptions.values {
            let shared = other.topics.first { topic in
                if topics.contains(topic) { return true }
                // Groups overlap only with themselves, and may be many.
                return topic.group == nil
                    ? topics.contains { $0.overlaps(topic) } : patterns.contains { $0.overlaps(topic) }
            }
            guard let shared else { continue }
            throw Problem(
                .conflict,
                "The subscription \(other.name.quotedForPeople) of this socket follows \(shared.description.quotedForPeople), and "
                    + "messages of that would belong to both: leave it out, or unsubscribe the other first."
            )
        }
        let limit = services.limits.subscriptionsPerSocket
        guard subscriptions.count < limit else {
            throw Problem(
                .badRequest,
                "A socket may have \(limit) subscriptions (\(GatewayConfiguration.Settings.maxSubscriptionsPerSocket)): name "
                    + "several groups in one, or open another socket."
            )
        }
    }
}
