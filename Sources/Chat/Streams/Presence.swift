import Broker
import Foundation
import Gateway
import HTTPTypes
import Hummingbird
import NIOCore
import NIOFoundationCompat
import Synchronization

/// Who is here now: who has an open stream. Those who are here are told of changes, at most four times a second however
/// many come and go.
final class Presence: Sendable {
    private struct Present {
        let name: String
        let end = StreamEnd()
        var seats = 0

        var isSignedOut: Bool { end.isOver }
    }

    private struct State {
        var sessions: [SecretToken.Digest: Present] = [:]
        var hasChanged = false
    }

    /// What is told of those who are here.
    struct Report: Encodable {
        let count: Int
        /// Some of them, by name.
        let names: [String]
    }

    /// Names in a report, at most: a thousand readers must not make a thousand long lists.
    private static let shownNames = 50

    private let log: MessageLog
    private let group: GroupName
    private let state = Mutex(State())

    init(log: MessageLog, group: GroupName) {
        (self.log, self.group) = (log, group)
    }

    /// An open stream of a session. Its end is noticed when nobody holds it any more.
    final class Seat: Sendable {
        let session: Session
        /// What ends the session's streams.
        let end: StreamEnd
        private let presence: Presence

        fileprivate init(_ session: Session, _ end: StreamEnd, _ presence: Presence) {
            (self.session, self.end, self.presence) = (session, end, presence)
        }

        deinit { presence.leave(session) }
    }

    fileprivate func enter(_ session: Session) -> Seat {
        let end = state.withLock { state in
            var present = state.sessions[session.digest] ?? Present(name: session.name)
            present.seats += 1
            if present.seats == 1 { state.hasChanged = true }
            state.sessions[session.digest] = present
            return present.end
        }
        return Seat(session, end, self)
    }

    private func leave(_ session: Session) {
        state.withLock { state in
            guard var present = state.sessions[session.digest] else { return }
            present.seats -= 1
            if present.seats == 0 { state.hasChanged = true }
            state.sessions[session.digest] = present.seats > 0 ? present : nil
        }
    }

    /// Ends the open streams of a session that is gone from the database: when this returns, none of them gets anything
    /// more. A stream that takes its seat later finds the session gone.
    func signOut(_ session: Session) async {
        await state.withLock { $0.sessions[session.digest]?.end }?.end()
    }

    var report: Report { state.withLock { Self.report($0) } }

    private static func report(_ state: State) -> Report {
        let names = Set(state.sessions.values.lazy.filter { !$0.isSignedOut }.map(\.name))
        return Report(count: names.count, names: Array(names.sorted().prefix(shownNames)))
    }

    func announceIfChanged() {
        let report = state.withLock { state -> Report? in
            defer { state.hasChanged = false }
            return state.hasChanged ? Self.report(state) : nil
        }
        guard let report, let data = try? StoredText.encode(report),
            let draft = try? MessageDraft(group: group, event: "here", data: ByteBuffer(data: data))
        else { return }
        try? log.publishUnstored(draft)
    }
}

extension StreamGrant {
    /// The grant of a stream that lasts as long as a session does, and counts as somebody who is here.
    ///
    /// - Parameter isSignedIn: Looks the session up again. Somebody may have signed out since it was found: before the seat
    ///   was taken the sign-out could not end it, and after that it does.
    /// - Throws: `refusal` where the session is gone.
    func held(
        by session: Session,
        _ presence: Presence,
        _ request: HTTPRequest,
        else refusal: HTTPError,
        isSignedIn: () async throws -> Bool
    ) async throws -> StreamGrant {
        guard request.method != .head else { return self }
        let seat = presence.enter(session)
        guard try await isSignedIn() else { throw refusal }
        var grant = self
        grant.held = seat
        grant.end = seat.end
        grant.expiresAt = session.expiresAt
        return grant
    }
}
