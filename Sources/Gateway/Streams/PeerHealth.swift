import NIOCore
import NIOPosix

/// Tells a peer that is gone from one that is slow. A pure state machine.
///
/// A peer that is gone acknowledges nothing any more: it is noticed within about two heartbeats, the first of which
/// sends what is not acknowledged. A stream that was quiet has an old last acknowledgement when its next bytes are lost
/// on the way, so that tells nothing: the peer has to be silent at two looks, half a heartbeat apart. A peer that
/// acknowledges and reads nothing keeps its stream until the stall time-out.
/// `TCP_USER_TIMEOUT` cannot tell the two apart while data waits, since it also counts unanswered window probes.
struct PeerHealth {
    enum Verdict: Equatable {
        case fine(waitingBytes: Int)
        case gone
        case stalled
        case pinsTooMuch
    }

    /// Looks that follow each other more closely tell nothing: the system itself waits 200 ms and more for an
    /// acknowledgement (RFC 6298), and a peer on a busy machine answers late.
    private static let shortestLook = TimeAmount.milliseconds(500)

    /// Half a heartbeat, a little less: two looks may be a little less than that apart, and the next one is late.
    private let lookAgain: TimeAmount
    private let stallTimeout: TimeAmount
    private var waitingBytes = 0
    /// Since when nothing of what waits was taken; nil where nothing waits.
    private var blockedSince: NIODeadline?
    private var nextPeerCheck: NIODeadline?
    /// The first look at which the peer was silent; nil once it has answered.
    private var silentSince: NIODeadline?

    init(heartbeat: TimeAmount, stallTimeout: TimeAmount) {
        lookAgain = max(.nanoseconds(heartbeat.nanoseconds / 32 * 15), Self.shortestLook)
        self.stallTimeout = stallTimeout
    }

    /// - Parameter peer: Asks the system whether the peer has been silent; called at most once per half heartbeat.
    mutating func check(
        _ now: NIODeadline,
        waitingBytes: Int,
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
            nextPeerCheck = now + lookAgain
            if remainsSilent(isSilent(), now) { return .gone }
        }
        return .fine(waitingBytes: waitingBytes)
    }

    /// Whether the peer was silent at the look before, too, and did not answer in between.
    private mutating func remainsSilent(_ silence: PeerSilence, _ now: NIODeadline) -> Bool {
        guard case .unanswered(let time) = silence else {
            silentSince = nil
            return false
        }
        if let silentSince, now - time <= silentSince { return true }
        silentSince = now
        return false
    }
}

/// What the system knows of a peer's acknowledgements.
enum PeerSilence: Equatable {
    /// Nothing waits for an acknowledgement, or it is coming.
    case none
    /// What was sent again, or asked again, was not answered; so long ago came the last acknowledgement.
    case unanswered(for: TimeAmount)
}

extension PeerSilence {
    /// From `TCP_INFO` (tcp(7)): data was sent again, or a closed window was probed twice, without an answer. Of a stream
    /// of HTTP/2, its connection is asked.
    ///
    /// - Parameter channel: To be asked on its event loop.
    init(of channel: any Channel) {
        self = .none
        #if os(Linux)
        guard let provider = (channel as? any SocketOptionProvider) ?? (channel.parent as? any SocketOptionProvider)
        else { return }
        var silence = PeerSilence.none
        // On the channel's own loop the answer is there at once.
        provider.getTCPInfo().assumeIsolated().whenSuccess { info in
            guard info.tcpi_retransmits > 0 || info.tcpi_probes > 1 else { return }
            silence = .unanswered(for: .milliseconds(Int64(info.tcpi_last_ack_recv)))
        }
        self = silence
        #endif
    }
}
