public import NIOCore
import Synchronization

/// The forms that receivers have made of a message, such as its encoding as a server-sent event.
///
/// Each form is made once, by whoever needs it first, and shared by all who hold the message, on any thread.
public final class MessageForms: Sendable {
    /// How many different forms a message can have.
    public static let limit = 4

    private struct Forms {
        var first: ByteBuffer?
        var second: ByteBuffer?
        var third: ByteBuffer?
        var fourth: ByteBuffer?
        var made = 0

        subscript(index: Int) -> ByteBuffer? {
            get {
                switch index {
                case 0: first
                case 1: second
                case 2: third
                default: fourth
                }
            }
            set {
                switch index {
                case 0: first = newValue
                case 1: second = newValue
                case 2: third = newValue
                default: fourth = newValue
                }
            }
        }
    }

    private let forms = Mutex(Forms())

    /// That of the message. Here, so that a message without one is no larger for it.
    let trace: TraceContext?

    init(trace: TraceContext? = nil) {
        self.trace = trace
    }

    /// How many forms were made.
    public var made: Int { forms.withLock { $0.made } }

    /// The form with an index below ``limit``; made by `make` if it was not there yet.
    ///
    /// - Parameter make: Runs under a lock; who needs the same form meanwhile waits for it.
    public func form(_ index: Int, make: () -> ByteBuffer) -> ByteBuffer {
        forms.withLock { forms in
            if let form = forms[index] { return form }
            let form = make()
            forms.made += 1
            forms[index] = form
            return form
        }
    }
}
