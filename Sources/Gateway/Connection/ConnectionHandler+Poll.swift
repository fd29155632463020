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
        let patterns = services.shard.shared.patterns
        guard poll.stream.takePatterns(patterns) else { return respond(patterns.isFull.answer) }
        streamSeat = place.seat
        let waiting = LongPoll(poll, shard: services.shard) { [self] answer in
            subscriber = nil
            streamSeat = nil
            respond(answer)
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
}
