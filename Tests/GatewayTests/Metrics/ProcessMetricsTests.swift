import Foundation
import Testing

@testable import Gateway

struct ProcessMetricsTests {
    private static let fields =
        "S 1 42 42 0 -1 4194304 9 8 7 6 250 150 3 2 20 0 5 0 1000 8192000 300 18446744073709551615 1 1"

    @Test(arguments: ["notify-cli", "a b", ")) (x) y"])
    func `the line of the system is read whatever the program is called`(name: String) throws {
        let statistics = try #require(
            ProcessStatistics("42 (\(name)) \(Self.fields)", ticksPerSecond: 100, pageSize: 4096)
        )
        #expect(statistics.cpuSeconds == 4)
        #expect(statistics.startSeconds == 10)
        #expect(statistics.virtualBytes == 8_192_000)
        #expect(statistics.residentBytes == 300 * 4096)
    }

    @Test(arguments: ["", "42", "42 (x", "42 (x) S 1", "42 (x) " + String(repeating: "y ", count: 30)])
    func `what is no such line is left out`(text: String) {
        #expect(ProcessStatistics(text, ticksPerSecond: 100, pageSize: 4096) == nil)
        #expect(ProcessStatistics("42 (x) \(Self.fields)", ticksPerSecond: 0, pageSize: 4096) == nil)
    }

    @Test func `this process has what the system says`() throws {
        let families = Dictionary(uniqueKeysWithValues: ProcessMetrics.families.map { ($0.name, $0.series[0].value) })
        func number(_ name: String) -> Double { families[name].flatMap { Double($0.text) } ?? -1 }
        #expect(number("process_resident_memory_bytes") > 1e6)
        #expect(number("process_virtual_memory_bytes") >= number("process_resident_memory_bytes"))
        #expect(number("process_open_fds") >= 3)
        #expect(number("process_max_fds") >= number("process_open_fds"))
        #expect(number("process_cpu_seconds_total") >= 0)
        let start = number("process_start_time_seconds")
        #expect(start > 1_600_000_000 && start <= Date().timeIntervalSince1970 + 2)
    }
}
