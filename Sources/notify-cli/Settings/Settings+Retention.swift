import Broker
import Foundation

extension Settings {
    /// Retention rules: `logs.*=7d,100000,1GiB`, several of them with commas between, or each in an option of its own.
    func retention(options: [String]) throws -> RetentionPolicy {
        // A comma separates rules as well as the limits of one: what has no `=` belongs to the rule before it.
        let parts = try strings(.retain, options: options, absent: "everything is kept").flatMap { text in
            text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        }
        var rules: [RetentionPolicy.Rule] = []
        var limits = 0
        for part in parts {
            var limit = part[...]
            if let equals = part.firstIndex(of: "=") {
                try Self.checkOrder(of: rules, before: part)
                rules.append(
                    RetentionPolicy.Rule(groups: try Self.pattern(part[..<equals], in: part), limits: .init())
                )
                limit = part[part.index(after: equals)...]
                limits = 0
            }
            guard !rules.isEmpty else { throw Self.noRule(part) }
            limits += 1
            try Self.add(limit.trimmingCharacters(in: .whitespaces), to: &rules[rules.count - 1], as: limits)
        }
        return RetentionPolicy(rules: rules)
    }

    /// - Parameter number: Which of the rule's limits it is, counted from 1.
    private static func add(_ text: String, to rule: inout RetentionPolicy.Rule, as number: Int) throws {
        func set<Value>(_ limit: WritableKeyPath<RetentionPolicy.Limits, Value?>, _ value: Value) throws {
            guard rule.limits[keyPath: limit] == nil else {
                throw UsageError("--retain has two limits of one kind for '\(rule.groups)': leave one out.")
            }
            rule.limits[keyPath: limit] = value
        }
        guard number == 1 || (text != everything && rule.limits != .init()) else {
            throw UsageError("--retain has '\(everything)' beside a limit for '\(rule.groups)': leave one of them out.")
        }
        if text == everything { return }
        if let messages = Int(text), messages > 0, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) {
            try set(\.messages, messages)
        } else if let age = duration(text), age > .zero {
            try set(\.age, age)
        } else if let bytes = bytes(text), bytes > 0 {
            try set(\.bytes, bytes)
        } else {
            throw noRule(text)
        }
    }

    /// The word for a rule without limits.
    static let everything = "all"

    /// A pattern that no group's name can match would keep everything, silently.
    private static func pattern(_ text: Substring, in rule: String) throws -> ChannelPattern {
        let text = text.trimmingCharacters(in: .whitespaces)
        let isPossible = text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            default:
                "-_.*?[]!".utf8.contains(byte)
            }
        }
        let sets = text.split(separator: "[", omittingEmptySubsequences: false).dropFirst()
        guard isPossible, sets.allSatisfy({ $0.contains("]") }), !["", ".", ".."].contains(text) else {
            throw noRule(rule)
        }
        return ChannelPattern(text)
    }

    private static func checkOrder(of rules: [RetentionPolicy.Rule], before rule: String) throws {
        guard rules.contains(where: { $0.groups.description == "*" }) else { return }
        throw UsageError(
            "--retain: '\(rule.escapedForTerminal)' comes after '*', which matches every group: put '*' last."
        )
    }

    private static func noRule(_ text: String) -> UsageError {
        UsageError(
            "--retain has '\(text.prefix(60).escapedForTerminal)': give groups and what they keep, an age, a number of "
                + "messages, a size in bytes, or '\(everything)', such as '*=30d' or 'logs.*=7d,100000,1GiB'."
        )
    }
}

extension RetentionPolicy.Rule {
    /// What is kept, for people.
    var sentence: String {
        var parts: [String] = []
        if let age = limits.age { parts.append("the last \(age.shortText)") }
        if let messages = limits.messages { parts.append("the newest \(messages.text("message", "messages"))") }
        if let bytes = limits.bytes { parts.append("the newest \(bytes.sizeText)") }
        return parts.isEmpty ? "all" : parts.joined(separator: ", ")
    }
}
