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
                guard this.value.isOpen else { return }
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
                try subscribe(fields, ref: frame.ref)
            case .publish(let fields):
                try publish(fields, ref: frame.ref)
            }
        } catch {
            refuse(chargedForPublish(error, frame), ref: frame.ref, subscription: frame.subscription)
        }
    }

    func refuse(_ problem: Problem, ref: ByteBuffer?, subscription: String? = nil) {
        shard.counters.refusedSocketRequests.add(1)
        answer(ServerFrame.error(problem, ref: ref, subscription: subscription))
    }

    // MARK: Subscriptions

    /// The subscription that an address asks for is named `""`.
    func begin(_ name: String, _ request: Subscriber.Request) {
        begin(Asked(name: name, request: request, topics: SocketTopics.Asked(request.feedKey.topics), ref: nil))
    }

    private func begin(_ asked: Asked) {
        guard isOpen else { return }
        let subscription = SocketSubscription(name: asked.name, asked.request, ref: asked.ref, on: self)
        subscriptions[asked.name] = subscription
        topics.add(asked.topics, of: asked.name)
        subscription.begin()
    }

    /// A subscription that lacks only the word that nobody else follows the same.
    private struct Asked {
        let name: String
        let request: Subscriber.Request
        let topics: SocketTopics.Asked
        let ref: ByteBuffer?
    }

    private func subscribe(_ fields: ClientFrame.SubscribeFields, ref: ByteBuffer?) throws(Problem) {
        let asked = try subscription(fields, ref: ref)
        guard topics.comparisons(with: asked.topics) > SocketTopics.comparisonsOnLoop, let context else {
            return take(asked, topics.overlap(with: asked.topics))
        }
        // Many long patterns take milliseconds: elsewhere, as large frames do.
        isParsing = true
        let this = NIOLoopBound((socket: self, asked: asked), eventLoop: context.eventLoop)
        let (topics, wanted) = (topics, asked.topics)
        shard.shared.outside.parse {
            let overlap = topics.overlap(with: wanted)
            this.eventLoop.execute {
                let (socket, asked) = this.value
                socket.isParsing = false
                guard socket.isOpen else { return }
                socket.take(asked, overlap)
                socket.proceed()
            }
        }
    }

    private func take(_ asked: Asked, _ overlap: SocketTopics.Overlap?) {
        guard let overlap else { return begin(asked) }
        let problem = Problem(
            .conflict,
            "The subscription \(overlap.subscription.quotedForPeople) of this socket follows "
                + "\(overlap.topic.description.quotedForPeople), and messages of that would belong to both: leave it out, or "
                + "unsubscribe the other first."
        )
        refuse(problem, ref: asked.ref, subscription: asked.name)
    }

    private func unsubscribe(_ name: String) throws(Problem) {
        guard let subscription = subscriptions.removeValue(forKey: name) else {
            throw Problem(
                .notFound,
                "There is no subscription \(name.quotedForPeople) on this socket: 'subscribed' named those there are."
            )
        }
        topics.remove(subscription.topics, of: name)
        subscription.end()
    }

    private func subscription(
        _ fields: ClientFrame.SubscribeFields,
        ref: ByteBuffer?
    ) throws(Problem) -> Asked {
        let now = shard.settings.wallClock()
        try principal.checkTime(now)
        let topics = try topics(of: fields)
        guard let name = fields.name else {
            throw Problem(
                .badRequest,
                "The subscription has no \"name\": its messages come without, but its end needs it."
            )
        }
        try checkCount(of: topics)
        if fields.presence { try TopicSelection.checkPresence(isGroupNamed: topics.contains { $0.group != nil }) }
        let given = [("since", fields.since), ("last", fields.last), ("last_event_id", fields.lastEventID)]
        let start = try Subscriber.Request.start(
            lastEventID: nil,
            given.compactMap { name, value in value.map { (name: name, value: $0) } },
            maximumLast: services.limits.last,
            now: now,
            otherwise: .latest
        )
        try checkRoom(for: name, patterns: topics.count { $0.group == nil })
        var origin = origin
        origin.since = now
        var grant = StreamGrant(groups: topics.compactMap(\.group).sorted())
        grant.patterns = topics.sorted().compactMap(\.pattern)
        var request = Subscriber.Request(
            feedKey: Feed.Key(topics: topics.sorted(), style: .socket),
            start: start,
            requested: start.requested,
            // The socket ends with its token, and its subscriptions with it.
            grant: grant,
            origin: origin
        )
        request.showsPresence = fields.presence
        guard request.takePatterns(shard.shared.patterns) else { throw shard.shared.patterns.isFull }
        return Asked(name: name, request: request, topics: SocketTopics.Asked(topics), ref: ref)
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

    private func checkRoom(for name: String, patterns: Int) throws(Problem) {
        typealias Settings = GatewayConfiguration.Settings
        guard subscriptions[name] == nil else {
            throw Problem(
                .conflict,
                "The name \(name.quotedForPeople) is in use on this socket: unsubscribe it first, or take another."
            )
        }
        let limits = services.limits
        guard subscriptions.count < limits.subscriptionsPerSocket else {
            throw Problem(
                .badRequest,
                "A socket may have \(limits.subscriptionsPerSocket) subscriptions (\(Settings.maxSubscriptionsPerSocket)): name "
                    + "several groups in one, or open another socket."
            )
        }
        guard topics.patternCount + patterns <= limits.patternsPerSocket else {
            throw Problem(
                .badRequest,
                "A socket may follow \(limits.patternsPerSocket) patterns in all (\(Settings.maxPatternsPerSocket)), and follows "
                    + "\(topics.patternCount): unsubscribe some, take a wider pattern, or open another socket."
            )
        }
    }
}
