import Yams

extension ConfigurationFile {
    /// The keys of a YAML file. One without any, such as one of comments alone, sets nothing.
    static func entries(ofYAML text: String, _ path: String) throws -> [Entry] {
        try refuseAliases(text, path)
        do {
            // Nodes have their anchors only for as long as their parser lives.
            let parser = try Parser(yaml: text)
            let root = try parser.singleRoot()
            return try withExtendedLifetime(parser) { try entries(of: root, path) }
        } catch let error as YamlError {
            throw refusal(error, path)
        }
    }

    private static func entries(of root: Node?, _ path: String) throws -> [Entry] {
        switch root {
        case nil:
            return []
        case .scalar(let scalar) where scalar.isNull:
            return []
        case .mapping(let mapping):
            return try mapping.map { key, value in
                guard case .scalar(let name) = key else {
                    throw UsageError(
                        "The configuration file \(path) has a key in line \(key.line) that is no text: write the name of an "
                            + "option."
                    )
                }
                return Entry(key: name.string, value: try Self.value(of: value, path), line: key.line)
            }
        case let node?:
            throw UsageError(
                "The configuration file \(path) has no keys (line \(node.line)): write it like 'url: http://…', a key a line."
            )
        }
    }

    private static func value(of node: Node, _ path: String) throws -> SettingValue? {
        switch node {
        case .scalar(let scalar):
            return try text(of: scalar, path).map { .text($0) }
        case .sequence(let items):
            try refuseAnchor(node, path)
            var texts: [String] = []
            for item in items {
                guard case .scalar(let scalar) = item, let text = try text(of: scalar, path) else { return nil }
                texts.append(text)
            }
            return .texts(texts)
        case .mapping, .alias:
            return nil
        }
    }

    /// The text as it was written, whatever YAML would make of it: `on`, `08` and `2026-01-31` mean here what they mean on
    /// the command line. Nil for none.
    private static func text(of scalar: Node.Scalar, _ path: String) throws -> String? {
        try refuseAnchor(.scalar(scalar), path)
        return scalar.isNull ? nil : scalar.string
    }

    private static func refuseAnchor(_ node: Node, _ path: String) throws {
        if node.anchor != nil { throw noAliases(node.line, path) }
    }

    // MARK: Refusals

    /// Refuses aliases before anything is made of the text: some hundred bytes of them stand for a tree of any size.
    ///
    /// It works on bytes, and may take something else for an alias, such as words of a comment: only where the file has an
    /// anchor, too, and both begin as in YAML.
    private static func refuseAliases(_ text: String, _ path: String) throws {
        var line = 1
        var previous = UInt8(ascii: "\n")
        var (firstAlias, hasAnchor): (Int?, Bool) = (nil, false)
        var bytes = text.utf8.makeIterator()
        var next = bytes.next()
        while let byte = next {
            next = bytes.next()
            if byte == UInt8(ascii: "\n") { line += 1 }
            if !isInText(previous), let next, isName(next) {
                if byte == UInt8(ascii: "&") { hasAnchor = true }
                if byte == UInt8(ascii: "*"), firstAlias == nil { firstAlias = line }
            }
            previous = byte
        }
        if hasAnchor, let firstAlias { throw noAliases(firstAlias, path) }
    }

    /// A byte after which neither an alias nor an anchor can begin.
    private static func isInText(_ byte: UInt8) -> Bool {
        isName(byte) && byte != UInt8(ascii: "-") || "./=;\"'".utf8.contains(byte)
    }

    private static func isName(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default:
            false
        }
    }

    private static func noAliases(_ line: Int, _ path: String) -> UsageError {
        UsageError(
            "The configuration file \(path) has an anchor (&) or an alias (*) in line \(line): write the value out, or put it "
                + "into quotes if it is a text."
        )
    }

    private static func refusal(_ error: YamlError, _ path: String) -> UsageError {
        switch error {
        case .duplicatedKeysInMapping(let keys, let context):
            return twice(keys.first ?? "", path, context.mark.line, nil)
        case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
            .composer(let context, let problem, let mark, _):
            let isAlias = context?.text.contains("alias") == true || context?.text.contains("anchor") == true
            let advice = isAlias ? "put a text that begins with * or & into quotes" : "correct it"
            return UsageError(
                "The configuration file \(path) is no YAML: \(problem) (line \(mark.line), column \(mark.column)); \(advice)."
            )
        case .memory:
            return UsageError(
                "The configuration file \(path) is nested too deeply: a key has a text or a list of texts."
            )
        case .reader(let problem, _, _, _):
            return UsageError("The configuration file \(path) is no YAML: \(problem); remove such characters.")
        default:
            return UsageError("The configuration file \(path) is no YAML: write it like 'url: http://…', a key a line.")
        }
    }
}

extension Node {
    fileprivate var line: Int { mark?.line ?? 1 }
}

extension Node.Scalar {
    /// Whether it is YAML's word for nothing, and not a text in quotes.
    fileprivate var isNull: Bool {
        style == .plain && ["", "~", "null", "Null", "NULL"].contains(string)
    }
}
