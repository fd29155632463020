import NIOCore
import NIOPosix

/// Tells a peer that is gone from one that is slow. A pure state machine.
///
/// A peer that is gone acknowledges nothing any more: it is noticed within two heartbeats, the first of which sends what
/// is not acknowledged. A peer that acknowledges and reads nothing keeps its stream until the stall time-out.
/// `TCP_USER_TIMEOUT` cannot tell the two apart while data waits, since it also counts unanswered window probes.
struct PeerHealth {
    enum Verdict: Equatable {
        case fine(waitingBytes: Int)
        case gone
        case stalled
        case pinsTooMuch
    }

    private let heartbeat: TimeAmount
    private let stallTimeout: TimeAmount
    private var waitingBytes = 0
    /// Since when nothing of what waits was taken; nil where nothing waits.
    private var blockedSince: NIODeadline?
    private var nextPeerCheck: NIODeadline?

    init(heartbeat: TimeAmount, stallTimeout: TimeAmount) {
        self.heartbeat = heartbeat
        self.stallTimeout = stallTimeout
    }

    /// - Parameter peer: Asks the system whether the peer has been silent; called at most once per half heartbeat.
    mutating func check(
        _ now: NIODeadline,
        waitingBytes: Int,
        lastWrite: NIODeadline,
        mayPin: Int,
        peer isSilent: () -> PeerSilence
    ) -> Verdict {
        if waitingBytes == 0 {
            blockedSince = nil
        } else if waitingBytes != self.waitingBytes || blockedSince == nil {
            blockedSince = now
        }
        self.waitingBytes = waitingBytes
        if let blockedSince, now - blockedSince > stallTimeout { return .stalled }
        if waitingBytes > mayPin { return .pinsTooMuch }
        if nextPeerCheck.map({ now >= $0 }) ?? true {
            nextPeerCheck = now + heartbeat / 2
            if case .unanswered(let time) = isSilent(), time > heartbeat / 2 { return .gone }
        }
        return .fine(waitingBytes: waitingBytes)
    }
}

/// What the system knows of a peer's acknowledgements.
enum PeerSilence: Equatable {
    /// Nothing waits for an acknowledgement, or it is coming.
    case none
    /// What was sent again, or asked again, was not answered; so long ago came the last acknowledgement.
    case unanswered(for: TimeAmount)
}

extension TimeAmount {
    fileprivate static func / (time: TimeAmount, divisor: Int64) -> TimeAmount {
        .nanoseconds(time.nanoseconds / divisor)
    }
}

extension ChannelHandlerContext {
    /// Bytes that were written and that the socket has not taken.
    var bufferedBytes: Int {
        (try? channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
    }

    /// From `TCP_INFO` (tcp(7)): data was sent again, or a closed window was probed twice, without an answer.
    var peerIsSilent: PeerSilence {
        var silence = PeerSilence.none
        #if os(Linux)
        guard let provider = channel as? any SocketOptionProvider else { return .none }
        // On the channel's own loop the answer is there at once.
        provider.getTCPInfo().assumeIsolated().whenSuccess { info in
            guard info.tcpi_retransmits > 0 || info.tcpi_probes > 1 else { return }
            silence = .unanswered(for: .milliseconds(Int64(info.tcpi_last_ack_recv)))
        }
        #endif
        return silence
    }
}
