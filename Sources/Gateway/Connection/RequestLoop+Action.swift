import HTTPTypes
import NIOCore
import NIOHTTP1

extension RequestLoop {
    /// How long a new connection may take for its first request when the server stops.
    static let firstRequestTime = TimeAmount.milliseconds(500)

    /// How long, and how much, is read after the last answer.
    static let lingerTime = TimeAmount.seconds(10)
    /// When the output is closed within that time: a client that still sends may take the end for a broken connection
    /// before it has read the answer, and one that reads to the end waits for it.
    static let outputTime = TimeAmount.milliseconds(500)
    static let lingerBytes = 64 << 20

    struct Limits {
        let headTimeout: TimeAmount
        let bodyTimeout: TimeAmount
        /// Bytes a second that a body must come with, over all of its time.
        let bodyRate: Int
        let idleTimeout: TimeAmount
        /// A client that takes nothing of an answer for so long loses its connection.
        let stallTimeout: TimeAmount
    }

    /// What the handler is to do.
    enum Action {
        /// Judge a head, and tell ``admitted(_:now:)``.
        case admit(HTTPRequestHead)
        /// Tell the client to send the body.
        case sendContinue
        /// Answer a request that is whole, and tell ``answered(_:isFull:now:)`` or ``beganStream()``.
        case answer(IncomingRequest)
        /// Answer without waiting for the rest of the request.
        ///
        /// The request is nil where there is none.
        case refuse(Problem, IncomingRequest?)
        /// Read more.
        case read
        /// Close as soon as the client has taken what it was answered.
        case closeWhenSent
        /// Close.
        case close
    }

    /// What becomes of the connection after an answer.
    enum Ending: Equatable {
        case goesOn
        case closes
        /// Reads on for a while what the client still sends, then closes: closing at once can reset the connection and lose
        /// the answer (RFC 9112 §9.6).
        case lingers
    }
}

extension Problem {
    /// A request that did not come in time.
    ///
    /// - Parameter isBody: Whether its head was there.
    static func late(isBody: Bool) -> Problem {
        typealias Settings = GatewayConfiguration.Settings
        let options = isBody ? "\(Settings.bodyTimeout), \(Settings.minBodyRate)" : "\(Settings.headTimeout)"
        return Problem(.requestTimeout, "The request did not arrive in time (\(options)). Send it again.")
    }
}
