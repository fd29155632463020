import Broker
import Crypto
public import Foundation

/// API keys of programs: their names, what their texts hash to, and what they may do.
///
/// The file is JSON: `{"keys":[{"name":"ci","sha256":"…","publish":["orders.*"],"subscribe":[],"delete":[],"admin":false,
/// "layer":false,"created_at":"…"}]}`. The keys themselves are nowhere: they are shown once, when they are made.
public struct APIKeyFile: Codable, Sendable {
    /// One key.
    public struct Entry: Codable, Sendable, Equatable {
        /// What people call it.
        public var name: String
        /// SHA-256 of the key's text, in hexadecimal.
        public var sha256: String
        /// Patterns of the groups that it may publish to.
        public var publish: [String]?
        /// Patterns of the groups that it may follow and read.
        public var subscribe: [String]?
        /// Patterns of the groups whose messages it may delete.
        public var delete: [String]?
        /// Whether it may see the metrics.
        public var admin: Bool?
        /// Whether it may use the channel layer, which this version does not serve.
        public var layer: Bool?
        /// RFC 3339.
        public var createdAt: String?

        enum CodingKeys: String, CodingKey {
            case name, sha256, publish, subscribe, delete, admin, layer
            case createdAt = "created_at"
        }

        /// A key without rights, unless some are given.
        ///
        /// - Parameter sha256: See ``APIKeyFile/digest(of:)``.
        public init(
            name: String,
            sha256: String,
            publish: [String] = [],
            subscribe: [String] = [],
            delete: [String] = [],
            admin: Bool = false,
            layer: Bool = false,
            createdAt: String? = nil
        ) {
            (self.name, self.sha256, self.createdAt) = (name, sha256, createdAt)
            (self.publish, self.subscribe, self.delete) = (publish, subscribe, delete)
            (self.admin, self.layer) = (admin, layer)
        }
    }

    /// In the order of their making.
    public var keys: [Entry]

    /// A file with these keys.
    public init(keys: [Entry] = []) {
        self.keys = keys
    }

    /// With which every key begins, so that people and scanners for leaked secrets know it.
    public static let prefix = "nk_"
    /// More keys are refused.
    public static let maximumKeys = 100_000
    static let maximumBytes = 64 << 20

    /// A key that nobody else has: 256 random bits.
    public static func newKey() -> String {
        var random = SystemRandomNumberGenerator()
        let bytes = (0..<4).flatMap { _ in withUnsafeBytes(of: random.next()) { Array($0) } }
        return prefix + Base64URL.encode(bytes)
    }

    /// What a key's text hashes to, in hexadecimal. A key is random, so a hash without salt and without delay is enough.
    public static func digest(of key: String) -> String {
        SHA256.hash(data: Data(key.utf8)).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    /// - Throws: ``GatewayError`` with the code `invalidConfiguration`: what is wrong with the file's content.
    public init(_ data: Data) throws(GatewayError) {
        func refuse(_ why: String) -> GatewayError {
            GatewayError(.invalidConfiguration, "The file of --api-keys is damaged: \(why)")
        }
        do {
            self = try JSONDecoder().decode(APIKeyFile.self, from: data)
        } catch {
            throw refuse("it is not JSON as 'notify-cli key create' writes it. Make it anew, or take a copy of it.")
        }
        guard keys.count <= Self.maximumKeys else { throw refuse("it has more than \(Self.maximumKeys) keys.") }
        for key in keys where !Self.isDigest(key.sha256) {
            throw refuse("the 'sha256' of the key \(key.name.quotedForPeople) is not 64 hexadecimal digits.")
        }
        if let key = Self.repeated(keys) {
            throw refuse("the 'sha256' of the key \(key.name.quotedForPeople) comes twice.")
        }
    }

    /// Two with one text would have the rights of either.
    private static func repeated(_ keys: [Entry]) -> Entry? {
        var seen: Set<String> = []
        return keys.first { !seen.insert($0.sha256.lowercased()).inserted }
    }

    private static func isDigest(_ text: String) -> Bool {
        text.utf8.count == 64 && text.utf8.allSatisfy { "0123456789abcdefABCDEF".utf8.contains($0) }
    }
}

extension APIKeyFile.Entry {
    var rights: Rights {
        Rights(
            publish: GroupPatterns(publish ?? []),
            subscribe: GroupPatterns(subscribe ?? []),
            delete: GroupPatterns(delete ?? []),
            admin: admin ?? false,
            layer: layer ?? false
        )
    }
}
