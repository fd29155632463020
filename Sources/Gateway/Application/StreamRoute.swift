public import Broker
public import HTTPTypes

/// An event stream on a path of an application's own. It is the gateway's stream in everything: it resumes, catches up
/// and shares its bytes with others of its kind. The application decides who may have it, and what of.
public struct StreamRoute: Sendable {
    /// Such as `/stream-chat-messages/`; with or without `/` at its end.
    public let path: String
    let grant: @Sendable (HTTPRequest, Administrator?) async throws -> StreamGrant

    /// - Parameter grant: Asked for each request, off the event loop. What it throws is the answer, as with routes: a
    ///   browser's `EventSource` takes any refusal as final.
    public init(path: String, grant: @escaping @Sendable (HTTPRequest) async throws -> StreamGrant) {
        self.init(path: path) { request, _ in try await grant(request) }
    }

    /// As ``init(path:grant:)-(_,(HTTPRequest)->StreamGrant)``, for streams that a token with the right `admin` may have, too.
    public init(
        path: String,
        grant: @escaping @Sendable (HTTPRequest, Administrator?) async throws -> StreamGrant
    ) {
        (self.path, self.grant) = (path, grant)
    }
}

/// What one client's stream is made of.
public struct StreamGrant: Sendable {
    /// What stands in the `data:` of a message.
    public enum Payload: Sendable {
        /// The message's data as it is.
        case data
        /// The message as a JSON object, as with `?envelope=json`.
        case envelope
        /// The same with the trace of its publish, as with `?envelope=json&trace=true`.
        case tracedEnvelope
        /// What a composer makes of the message when it is encoded.
        case composed(any MessageComposer)
    }

    /// Reserved groups may be among them.
    public var groups: [GroupName]
    /// All groups that match one of them are followed as well. Reserved groups are matched as others, unless they are
    /// excluded.
    public var patterns: [ChannelPattern] = []
    /// What the stream's messages look like.
    public var payload: Payload
    /// Whether a client that names no beginning gets all that is stored first, and not only what is new.
    public var beginsWithAll: Bool
    /// Whether the client is told who follows the groups: those that are named, and not those of patterns.
    public var showsPresence = false
    /// Whether it counts among those who follow the groups. One that only looks on does not.
    public var isPresent = true
    /// Who it is for, as operators see it; nil: nobody who is known.
    public var user: String?
    /// When the stream ends, by the wall clock, and the client may ask anew; nil: never.
    public var expiresAt: Timestamp?
    /// Ends the stream at once; nil where nothing does.
    public var end: StreamEnd?
    /// Held for as long as the stream lives: its `deinit` tells the application that the stream has ended.
    public var held: (any AnyObject & Sendable)?

    public init(
        groups: [GroupName],
        payload: Payload = .data,
        beginsWithAll: Bool = false,
        user: String? = nil,
        expiresAt: Timestamp? = nil,
        end: StreamEnd? = nil,
        held: (any AnyObject & Sendable)? = nil
    ) {
        (self.groups, self.payload, self.beginsWithAll, self.user) = (groups, payload, beginsWithAll, user)
        (self.expiresAt, self.end, self.held) = (expiresAt, end, held)
    }
}
