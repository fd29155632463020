import NIOCore

/// How a publisher is told what became of its publish.
struct PublishReply: Sendable {
    enum Completion: Sendable {
        case one(@Sendable (MessageLog.Outcome) -> Void)
        case all(@Sendable (MessageLog.BatchOutcome) -> Void)
    }

    /// Where the publisher wants its answer; nil: wherever it comes.
    let eventLoop: (any EventLoop)?
    let completion: Completion

    func complete(with outcomes: ArraySlice<MessageLog.Outcome>) {
        switch completion {
        case .one(let complete):
            if let outcome = outcomes.first { complete(outcome) }
        case .all(let complete):
            complete(MessageLog.BatchOutcome { () throws(BrokerError) in try Self.all(of: outcomes) })
        }
    }

    private static func all(of outcomes: ArraySlice<MessageLog.Outcome>) throws(BrokerError) -> [Published] {
        var all: [Published] = []
        for outcome in outcomes { all.append(try outcome.get()) }
        return all
    }
}
