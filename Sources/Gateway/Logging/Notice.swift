/// What an operator is told of single clients, within bounds.
enum Notice: Hashable {
    case refusal(Rejection)
    case slowReader(SlowReader)

    /// What follows "reason" in the log.
    var reason: String {
        switch self {
        case .refusal(let rejection): rejection.rawValue
        case .slowReader(let reader): reader.rawValue
        }
    }
}

/// What became of a stream whose client does not keep up.
enum SlowReader: String, Hashable, CaseIterable {
    /// Its socket took no more: it goes on from its position.
    case fellBehind = "fell-behind"
    /// It was closed: the client read nothing.
    case stalled
    /// It was closed: the client acknowledged nothing any more.
    case gone
    /// It was closed: too much waited for it.
    case pinned

    var sentence: String {
        switch self {
        case .fellBehind: "A stream's client reads slowly: it catches up from memory or the store"
        case .stalled: "A stream was closed: its client read nothing (--stall-timeout)"
        case .gone: "A stream was closed: its client is gone"
        case .pinned: "A stream was closed: too much waits for slow clients (--max-pinned-size)"
        }
    }
}
