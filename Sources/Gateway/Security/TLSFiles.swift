/// Where a server's certificate and its key lie, in PEM.
public struct TLSFiles: Hashable, Sendable {
    /// The server's certificate, followed by those between it and one that clients trust.
    public var certificate: String
    /// The certificate's key, not encrypted.
    public var key: String

    /// Reads neither file.
    public init(certificate: String, key: String) {
        (self.certificate, self.key) = (certificate, key)
    }
}
