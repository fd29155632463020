extension ChannelLayerState {
    typealias Now = () -> ContinuousClock.Instant

    // MARK: Sending

    enum SendAction {
        case done
        case wake(ReaderWakeUp)
        case refuseFull(unread: Int)
        case refuseClosed
    }

    mutating func send(_ message: Message, to channel: ChannelName, now: Now) -> SendAction {
        guard !isClosed else { return .refuseClosed }
        let now = now()
        sweep(at: now)
        let place = place(of: channel)
        defer { settle(place) }
        switch enqueue(message, in: place, at: now) {
        case .full:
            return .refuseFull(unread: queues[place].unreadCount)
        case .queued:
            counters.sent += 1
            return .done
        case .handedOver(let reader):
            counters.sent += 1
            return .wake(reader)
        }
    }

    mutating func enqueue(_ message: Message, in place: Int, at now: ContinuousClock.Instant)
        -> ChannelQueue.Acceptance
    {
        counters.expired += UInt64(queues[place].dropExpired(at: now))
        lastOrder += 1
        return queues[place].accept(
            ChannelQueue.Entry(message: message, deadline: now.advanced(by: expiry), order: lastOrder)
        )
    }

    // MARK: Receiving
    //
    // A `receive` that finds nothing comes here three times: to begin, to wait with its continuation, and to end. What
    // happens in between is found by the name of the channel, since its place can change with a flush.

    enum ReceiveAction {
        case message(Message)
        case wait(ReaderID)
        case refuseClosed
    }

    mutating func beginReceive(on channel: ChannelName, now: Now) -> ReceiveAction {
        guard !isClosed else { return .refuseClosed }
        let now = now()
        sweep(at: now)
        if let message = takeFirst(of: channel, at: now) { return .message(message) }
        lastReader += 1
        return .wait(ReaderID(value: lastReader))
    }

    private mutating func takeFirst(of channel: ChannelName, at now: ContinuousClock.Instant) -> Message? {
        guard let place = queuePlaces[channel] else { return nil }
        defer { settle(place) }
        counters.expired += UInt64(queues[place].dropExpired(at: now))
        guard let message = queues[place].takeFirst() else { return nil }
        counters.delivered += 1
        return message
    }

    /// - Returns: whether the reader has to wait. If not, it goes on to ``endReceive(by:on:isCancelled:now:)``.
    mutating func wait(
        _ reader: ReaderID,
        on channel: ChannelName,
        wakeUp: ReaderWakeUp,
        isCancelled: Bool,
        now: Now
    ) -> Bool {
        // A cancellation that comes before the reader waits finds nothing to end. It must be seen here.
        guard !isClosed, !isCancelled else { return false }
        let place = place(of: channel)
        defer { settle(place) }
        counters.expired += UInt64(queues[place].dropExpired(at: now()))
        return queues[place].wait(reader, wakeUp)
    }

    /// The task of a reader was cancelled: ends its wait, if it waits.
    mutating func cancel(_ reader: ReaderID, on channel: ChannelName) -> ReaderWakeUp? {
        guard let place = queuePlaces[channel] else { return nil }
        defer { settle(place) }
        return queues[place].cancel(reader)
    }

    enum EndReceiveAction {
        case message(Message)
        case throwCancellation(wakes: ReaderWakeUp?)
        case throwClosed
    }

    mutating func endReceive(by reader: ReaderID, on channel: ChannelName, isCancelled: Bool, now: Now)
        -> EndReceiveAction
    {
        let nothing = isClosed && !isCancelled ? EndReceiveAction.throwClosed : .throwCancellation(wakes: nil)
        guard let place = queuePlaces[channel] else { return nothing }
        defer { settle(place) }
        switch queues[place].collect(reader, isCancelled: isCancelled, now: now()) {
        case .nothing:
            return nothing
        case .message(let message):
            counters.delivered += 1
            return .message(message)
        case .givenBack(let wakeUp):
            return .throwCancellation(wakes: wakeUp)
        case .expired:
            counters.expired += 1
            return nothing
        }
    }

    // MARK: Removing

    mutating func removeChannel(_ channel: ChannelName) {
        guard let place = queuePlaces[channel] else { return }
        queues[place].clear()
        let memberships = queues[place].memberships
        guard !memberships.isEmpty else { return settle(place) }
        // With the last membership goes a channel that nothing else holds, and its place with it.
        for membership in memberships { removeMembership(membership) }
    }

    /// The place of a channel, which is made if need be: whoever calls this also calls ``settle(_:)`` at the end.
    mutating func place(of channel: ChannelName) -> Int {
        if let place = queuePlaces[channel] { return place }
        let place = queues.insert(ChannelQueue(name: channel, capacity: configuration.capacity(of: channel)))
        queuePlaces[channel] = place
        return place
    }
}
