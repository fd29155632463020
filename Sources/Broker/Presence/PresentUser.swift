public import NIOCore

/// The name of a user: any text, as its tokens have it (`sub`). Two names are the same where their bytes are: Unicode knows
/// different texts that are equal, and users must not be.
public struct UserName: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// As it came.
    public let description: String

    /// - Parameter text: Any text.
    public init(_ text: String) {
        var text = text
        text.makeContiguousUTF8()
        description = text
    }

    /// Whether the bytes are the same.
    public static func == (one: UserName, other: UserName) -> Bool {
        one.description.utf8.elementsEqual(other.description.utf8)
    }

    /// By their bytes.
    public static func < (one: UserName, other: UserName) -> Bool {
        one.description.utf8.lexicographicallyPrecedes(other.description.utf8)
    }

    /// Of its bytes.
    public func hash(into hasher: inout Hasher) {
        let isDone: Void? = description.utf8.withContiguousStorageIfAvailable {
            hasher.combine(bytes: UnsafeRawBufferPointer($0))
        }
        if isDone == nil { for byte in description.utf8 { hasher.combine(byte) } }
        hasher.combine(0xFF as UInt8)
    }
}

/// A user who follows a group, and what is shown with it.
public struct PresentUser: Hashable, Sendable {
    /// Who it is.
    public let name: UserName
    /// JSON in UTF-8, on one line; nil: nothing is shown.
    public let info: ByteBuffer?

    /// - Parameter info: JSON in UTF-8, on one line, at most 1 KiB where a token has it.
    public init(name: UserName, info: ByteBuffer? = nil) {
        (self.name, self.info) = (name, info)
    }
}
