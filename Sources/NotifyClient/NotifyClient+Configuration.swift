extension NotifyClient {
    /// How long to wait, how often to try, and how much to hold.
    public struct Configuration: Sendable {
        /// The time for a connection to be made, 10 s.
        public var connectTimeout: Duration = .seconds(10)
        /// The time for a whole request and its answer, and for a stream to begin, 30 s.
        public var requestTimeout: Duration = .seconds(30)
        /// How long a stream may be silent before its connection is taken as dead and made anew, 45 s: three times the
        /// server's default heartbeat. Only the time that is spent waiting for the server counts.
        public var silenceLimit: Duration = .seconds(45)
        /// The most bytes of one event of a stream, 16 MiB. A larger one ends the subscription with `eventTooLarge`.
        public var maximumEventSize = 16 * 1024 * 1024
        /// How long to wait before a stream is asked for again.
        public var reconnect = ReconnectSchedule()
        /// A file in PEM with the certificates that a server's must come from, in the place of the system's; nil: the system's.
        /// For a server whose certificate signs itself, that one.
        public var trustedCertificates: String?
        /// Whether a subscription waits for a server that does not answer at its very first attempt; false: it throws.
        /// Once it was connected, it always goes on trying.
        public var waitsForServer = false

        /// A token or an API key, sent with every request (`Authorization: Bearer`). Use it over `https`, or on this machine.
        public var token: String?

        /// With the defaults.
        public init() {}
    }
}
