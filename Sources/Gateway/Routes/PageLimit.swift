import Broker
import HTTPTypes

/// How many entries a page of a list has (`limit`).
enum PageLimit {
    private static let usual = 100
    private static let largest = 1000

    /// - Throws: ``Problem``: 400 for what is no such number.
    static func parse(_ text: String?) throws(Problem) -> Int {
        guard let text else { return usual }
        guard let limit = Int(text), (1...largest).contains(limit) else {
            throw Problem(.badRequest, "limit=\(text.quotedForPeople) is not a number from 1 to \(largest).")
        }
        return limit
    }
}
