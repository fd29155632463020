import Broker
import Testing

@testable import notify_cli

struct RetentionSettingsTests {
    private static func policy(_ options: [String], _ environment: [String: String] = [:]) throws -> RetentionPolicy {
        try Settings(configFile: nil, environment: environment).retention(options: options)
    }

    private static let expected = RetentionPolicy(
        rules: [
            .init(groups: "audit.*", limits: .init()),
            .init(groups: "logs.*", limits: .init(age: .seconds(604_800), messages: 100_000, bytes: 1 << 30)),
            .init(groups: "*", limits: .init(age: .seconds(86_400))),
        ]
    )

    @Test(arguments: [
        ["audit.*=all", "logs.*=7d,100000,1GiB", "*=1d"], ["audit.*=all,logs.*=1GiB,7d,100000,*=24h"],
        [" audit.* = all ", "logs.* = 7d, 100000, 1GiB", "*=86400s"],
    ])
    func `rules in their order`(options: [String]) throws {
        #expect(try Self.policy(options) == Self.expected)
        #expect(try Self.policy([], ["NOTIFY_RETAIN": options.joined(separator: ",")]) == Self.expected)
    }

    @Test func `none`() throws {
        #expect(try Self.policy([]).rules.isEmpty)
    }

    @Test(
        arguments: [
            "", "7d", "*", "*=", "=7d", "*=7d,", "*=0", "*=0d", "*=0MiB", "*=-1", "*=٣", "*=seven", "logs/*=7d",
            "*=7d,8d", "*=1,2", "*=7d,logs=1d", "*=99999999999999999999", "a b=7d", "lögs=7d",
            "*=all,7d", "*=7d,all", "a=all,all", "gr[ab=5", "[a]b[c=5",
        ]
    )
    func `what is no rule`(option: String) {
        let error = #expect(throws: UsageError.self) { try Self.policy([option]) }
        #expect(error?.description.hasPrefix("--retain") == true)
    }

    @Test(
        arguments: [
            (.init(), "all"), (.init(age: .seconds(7200)), "the last 2h"),
            (
                .init(age: .milliseconds(1500), messages: 1, bytes: 1536),
                "the last 1500ms, the newest 1 message, the newest 1.5 KiB"
            ),
        ] as [(RetentionPolicy.Limits, String)]
    )
    func `rules for people`(limits: RetentionPolicy.Limits, sentence: String) {
        #expect(RetentionPolicy.Rule(groups: "*", limits: limits).sentence == sentence)
    }
}
