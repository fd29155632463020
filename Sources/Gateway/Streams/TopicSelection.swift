import Broker
import HTTPTypes

/// What a request wants to follow or to read: groups in its path or its query, and patterns.
struct TopicSelection {
    /// In the order of the request, each once.
    private(set) var groups: [GroupName] = []
    /// In the order of the request, each once.
    private(set) var patterns: [ChannelPattern] = []

    /// All of them, sorted.
    var topics: [Topic] { Self.topics(groups, patterns) }

    static func topics(_ groups: [GroupName], _ patterns: [ChannelPattern]) -> [Topic] {
        Set(groups.map(Topic.group) + patterns.map(Topic.pattern)).sorted()
    }

    /// - Parameter group: That of the path, where it names one: then those of the query do not count.
    /// - Throws: ``Problem``: 401 and 403 where a right lacks, which comes before anything else that is wrong; 400.
    init(
        group: String?,
        _ fields: [(name: String, value: String)],
        _ access: GroupAccess
    ) throws(Problem) {
        let names = group.map { [$0] } ?? fields.filter { $0.name == "group" }.map(\.value)
        let texts = group == nil ? fields.filter { $0.name == "match" }.map(\.value) : []
        var refusal: BrokerError?
        for name in names {
            do throws(BrokerError) {
                let group = try GroupName(name)
                if !groups.contains(group) { groups.append(group) }
            } catch {
                refusal = refusal ?? error
            }
        }
        for text in texts {
            do throws(BrokerError) {
                let pattern = try ChannelPattern(group: text)
                if !patterns.contains(pattern) { patterns.append(pattern) }
            } catch {
                refusal = refusal ?? error
            }
        }
        for group in groups { try access.check(group) }
        for index in patterns.indices { patterns[index] = try access.check(patterns[index]) }
        if let refusal { throw Problem(refusal) }
    }

    /// - Throws: ``Problem``: 400 where it names no group whose followers could be shown.
    func checkPresence() throws(Problem) { try Self.checkPresence(isGroupNamed: !groups.isEmpty) }

    static func checkPresence(isGroupNamed: Bool) throws(Problem) {
        guard !isGroupNamed else { return }
        throw Problem(
            .badRequest,
            "Presence is told of groups that are followed by name, and only patterns are named here: name a group as well, or "
                + "leave presence out and ask GET /groups/NAME/presence."
        )
    }

    /// - Parameter path: For an example.
    /// - Throws: ``Problem``: 400 where there is none, or where there are too many.
    func checkCount(_ limits: GatewayLimits, path: String) throws(Problem) {
        typealias Settings = GatewayConfiguration.Settings
        guard !groups.isEmpty || !patterns.isEmpty else {
            throw Problem(
                .badRequest,
                "Name the groups to follow, or a pattern: \(path)?group=NAME&group=NAME, \(path)?match=orders.*."
            )
        }
        guard groups.count <= limits.groupsPerStream else {
            throw Problem(
                .badRequest,
                "A stream may follow \(limits.groupsPerStream) groups (\(Settings.maxGroupsPerStream)), not "
                    + "\(groups.count). Open several streams, or follow a pattern."
            )
        }
        guard patterns.count <= limits.patternsPerStream else {
            throw Problem(
                .badRequest,
                "A stream may follow \(limits.patternsPerStream) patterns (\(Settings.maxPatternsPerStream)), not "
                    + "\(patterns.count). Open several streams."
            )
        }
    }
}
