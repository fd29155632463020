/// The name of an open stream: a word for this start of the server, `-`, and a number. A name of an earlier start never
/// means another stream.
struct OpenStreamID {
    let start: String
    /// Counts the streams of all loops.
    let number: Int

    /// Nil for what is none.
    init?(_ text: String) {
        let parts = text.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, parts[1].utf8.allSatisfy(\.isDigit), let number = Int(parts[1]) else { return nil }
        (start, self.number) = (String(parts[0]), number)
    }

    /// - Parameters:
    ///   - stream: Its number on its loop.
    ///   - loop: Which of the `loops` that is.
    init(start: String, stream: Int, loop: Int, of loops: Int) {
        self.start = start
        number = stream * loops + loop
    }

    var text: String { "\(start)-\(number)" }

    /// A word that another start does not have.
    static func makeStart() -> String {
        let alphabet = Array("abcdefghijklmnopqrstuvwxyz0123456789")
        return String((0..<6).map { _ in alphabet[Int.random(in: 0..<alphabet.count)] })
    }
}
