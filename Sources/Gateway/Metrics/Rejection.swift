import HTTPTypes

/// Why a request was refused: the reasons that are counted, and logged.
public enum Rejection: String, CaseIterable, Hashable, Sendable {
    /// The `Host` is not this server's.
    case host
    /// A page of another site.
    case origin
    /// A token is missing, or does not count.
    case token
    /// Too many tokens of one address that do not count.
    case guesses
    /// The right to do this is missing.
    case right
    /// Too many publishes of one token or address.
    case rate
    /// Too many connections, streams of HTTP/2, or patterns, in all.
    case connections
    /// Too many connections of one address.
    case address
    /// Too many streams of one user.
    case user
    /// The bodies of all requests take too much memory.
    case bodies
    /// The answers that wait for slow clients take too much memory.
    case answers
    /// Too many publishes wait for the store.
    case queue
    /// The store takes or gives no messages.
    case store
    /// A head, a body or a message is too large.
    case size
    /// The request did not come in time.
    case timeout
    /// The request is malformed, or asks for what there is not.
    case request

    /// What an answer's status says of it by itself. Paths, methods and ids that are not there are no refusals.
    init?(_ status: HTTPResponse.Status) {
        switch status.code {
        case 401: self = .token
        case 403: self = .right
        case 408: self = .timeout
        case 413, 431: self = .size
        case 400, 411, 415, 417, 422, 501: self = .request
        default: return nil
        }
    }
}
