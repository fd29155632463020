import Broker
import NIOCore

/// Who a stream is for, and since when.
struct StreamOrigin: Sendable {
    /// The user of its token, or whom an application names; nil: nobody who is known.
    var user: String?
    /// With which it came.
    var token: VerifiedToken?
    /// What is shown with the user: JSON; nil: nothing.
    var info: ByteBuffer?
    /// Where its client is, as a trusted proxy says or as somebody had to ask; nil: where its connection comes from.
    var client: AddressBytes?
    /// By the wall clock.
    var since = Timestamp(milliseconds: 0)

    /// As whom its groups know it; nil: somebody.
    var presentUser: PresentUser? { user.map { PresentUser(name: UserName($0), info: info) } }
}

extension StreamStyle {
    /// In which clothes the stream comes.
    var transport: OpenStream.Transport {
        framing == .webSocket ? .webSocket : format == .lines ? .lines : .eventStream
    }
}
