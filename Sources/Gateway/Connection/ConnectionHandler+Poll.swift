import HTTPTypes
import NIOCore
import NIOHTTP1

/// Answers that wait.
extension ConnectionHandler {
    func poll(_ request: IncomingRequest) {
        var poll: PollRequest
        do throws(Problem) {
            poll = try PollRequest(request, limits: services.limits, now: services.shard.settings.wallClock())
        } catch {
            return respond(error.answer)
        }
        let strangers = services.shard.shared.strangers
        poll.stream.origin.client = strangers.proxies.client(request.head.headers, peer: arrival.peer)
        let place = strangers.streamSeat(for: request.principal)
        guard place.isFree else { return respond(strangers.tooManyStreams.answer) }
        streamSeat = place.seat
        let waiting = LongPoll(poll, shard: services.shard) { [self] answer in
            subscriber = nil
            streamSeat = nil
            respond(bounded(answer))
        }
        subscriber = waiting
        waiting.begin(on: self)
        // Nobody waits on a connection that is to end.
        if loop.isEnding { waiting.end() }
    }

    /// The client has closed its side. It is gone, or waits for the answer to what it has sent: that is given at once.
    func endPoll() {
        (subscriber as? LongPoll)?.end()
    }

    /// The answer, where there is room for it beside those of other clients, which read slowly. Nothing is lost: its client
    /// asks again.
    private func bounded(_ answer: Answer) -> Answer {
        let answers = services.shard.shared.answers
        var answer = answer
        let bytes = answer.body.readableBytes
        guard bytes >= LargeAnswers.leastBytes else { return answer }
        let held = BudgetShare(of: answers.budget)
        guard answers.hold(bytes, held) else { return answers.isFull.answer }
        answer.held = held
        return answer
    }
}
