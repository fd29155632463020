import Broker
import NIOCore

extension SocketHandler {
    /// Whether it is open and has no subscription: those that there are stand for it.
    var followsNothing: Bool { isOpen && subscriptions.isEmpty }

    /// What operators see of one that follows nothing.
    func description(id: String) -> OpenStream {
        OpenStream(
            id: id,
            user: origin.user,
            address: (origin.client ?? AddressBytes(context?.channel.remoteAddress))?.description,
            transport: .webSocket,
            groups: [],
            patterns: [],
            isLive: true,
            position: nil,
            waitingBytes: waitingBytes,
            since: origin.since
        )
    }
}
