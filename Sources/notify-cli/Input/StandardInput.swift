import Foundation

/// Standard input as text, whole or by lines.
enum StandardInput {
    static let isTerminal = isatty(STDIN_FILENO) == 1

    /// More than any server takes: whoever sends a disk image by mistake should not wait for memory to be full.
    static let maximumMessage = 64 * 1024 * 1024

    /// Says what is waited for, where a person sits at the keyboard.
    static func announce() {
        guard isTerminal else { return }
        StandardError.write("Reading the message from the keyboard; end with Ctrl-D.")
    }

    /// Asks a person at the keyboard. Only `y` and `yes` agree.
    static func confirms(_ question: String) -> Bool {
        StandardError.write("\(question) [y/N]")
        let answer = readLine()?.lowercased() ?? ""
        return answer == "y" || answer == "yes"
    }

    /// All of it as one message, less one line feed at the end: `echo hi |` means "hi".
    static func message() throws -> String {
        var reader = LineReader(descriptor: STDIN_FILENO)
        var bytes = try reader.rest()
        if bytes.last == UInt8(ascii: "\n") { bytes.removeLast() }
        return try text(bytes)
    }

    static func text(_ bytes: [UInt8], line: Int? = nil) throws -> String {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            let place = line.map { " (line \($0))" } ?? ""
            throw UnusableInput(
                description: "Standard input is not UTF-8 text\(place): messages are text; encode other data, "
                    + "e.g. in base64."
            )
        }
        return text
    }
}

/// What came from standard input cannot be sent.
struct UnusableInput: Error, CustomStringConvertible {
    let description: String
}
