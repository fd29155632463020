import Broker
import HTTPTypes
import NIOCore

/// Messages that a WebSocket's client publishes. Those that come without waiting for answers go into one batch of the store.
extension SocketHandler {
    func publish(_ fields: ClientFrame.PublishFields, ref: ByteBuffer?) throws(Problem) {
        try principal.checkTime(shard.settings.wallClock())
        // As over HTTP: what lacks the right costs nothing, what is malformed costs as much as what is not.
        if let name = fields.group, let group = try? GroupName(name) { try principal.check(.publish, .group(group)) }
        try chargePublish()
        let draft = try draft(fields)
        guard fields.persist else {
            do throws(BrokerError) { try services.log.publishUnstored(draft) } catch { throw Problem(error) }
            return answer(ServerFrame.published(nil, ref: ref))
        }
        unanswered += 1
        let this = NIOLoopBound(self, eventLoop: shard.eventLoop)
        let (began, counters, outside) = (NIODeadline.now(), shard.counters, shard.shared.outside)
        outside.begin()
        services.log.publish(draft, on: shard.eventLoop) { outcome in
            outside.end()
            this.value.unanswered -= 1
            switch outcome {
            case .success(let published):
                counters.countPublish(since: began)
                this.value.answer(ServerFrame.published(published.message.id, ref: ref))
            case .failure(let error):
                this.value.refuse(Problem(error), ref: ref)
            }
        }
    }

    /// - Throws: ``Problem``: 429 over the rate.
    private func chargePublish() throws(Problem) {
        try shard.shared.strangers.checkPublish(by: publisher, now: .now())
    }

    /// A publish that cannot be read counts as one.
    ///
    /// - Returns: What is answered: that it is wrong, or that there are too many.
    func chargedForPublish(_ problem: Problem, _ frame: ClientFrame) -> Problem {
        guard frame.isUnreadPublish else { return problem }
        do throws(Problem) { try chargePublish() } catch { return error }
        return problem
    }

    private func draft(_ fields: ClientFrame.PublishFields) throws(Problem) -> MessageDraft {
        guard let name = fields.group else { throw Problem(.badRequest, "The message has no \"group\".") }
        let group: GroupName
        do throws(BrokerError) { group = try GroupName(name) } catch { throw Problem(error) }
        do throws(BrokerError) {
            guard let data = fields.data else { throw BrokerError(.invalidData, "The message has no \"data\".") }
            let draft = try MessageDraft(
                group: group,
                event: fields.event ?? Message.defaultEvent,
                data: data.compact,
                ttl: try PublishRequest.ttl(fields.ttl),
                idempotencyKey: fields.idempotencyKey
            )
            guard fields.persist || (draft.ttl == nil && draft.idempotencyKey == nil) else {
                throw BrokerError(
                    .invalidData,
                    "\"ttl\" and \"idempotency_key\" are for messages that are stored: leave them out, or leave out "
                        + "\"persist\":false."
                )
            }
            return draft
        } catch {
            throw Problem(error)
        }
    }
}
