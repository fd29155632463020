import Glibc

/// What the system knows of this process, under the names that Prometheus' own libraries use. What it does not tell is left
/// out.
enum ProcessMetrics {
    static var families: [MetricFamily] {
        var families: [MetricFamily] = []
        if let statistics = ProcessStatistics.current() {
            families += [
                MetricFamily(
                    name: "process_cpu_seconds_total",
                    kind: .counter,
                    help: "CPU time that the process has used, in user space and in the system.",
                    series: [.init(value: .real(statistics.cpuSeconds), isCounter: true)]
                ),
                .gauge(
                    "process_resident_memory_bytes",
                    "Memory of the process that is in RAM.",
                    statistics.residentBytes
                ),
                .gauge("process_virtual_memory_bytes", "Address space of the process.", statistics.virtualBytes),
            ]
            if let boot = ProcessStatistics.bootSeconds() {
                families.append(
                    .gauge(
                        "process_start_time_seconds",
                        "When the process was started, in seconds since 1970.",
                        .real(boot + statistics.startSeconds)
                    )
                )
            }
        }
        if let open = openFiles {
            families.append(.gauge("process_open_fds", "File descriptors that are open.", open))
        }
        if let limit = fileLimit {
            families.append(.gauge("process_max_fds", "File descriptors that may be open.", limit))
        }
        return families
    }

    /// Counted without their names: there may be as many as connections.
    private static var openFiles: Int? {
        guard let folder = opendir("/proc/self/fd") else { return nil }
        defer { closedir(folder) }
        var count = 0
        while readdir(folder) != nil { count += 1 }
        // `.` and `..`, and the folder itself.
        return count - 3
    }

    private static var fileLimit: Int? {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return nil }
        return Int(clamping: limit.rlim_cur)
    }
}

/// Some of the fields of `/proc/self/stat` (proc_pid_stat(5)).
struct ProcessStatistics: Equatable {
    let cpuSeconds: Double
    /// Since the system's start.
    let startSeconds: Double
    let virtualBytes: Int
    let residentBytes: Int

    /// - Parameter text: The line. The program's name in it may hold anything, also `)`.
    init?(_ text: String, ticksPerSecond: Double, pageSize: Int) {
        guard let nameEnd = text.utf8.lastIndex(of: UInt8(ascii: ")")), ticksPerSecond > 0 else { return nil }
        // The first of them is the third of the line: the state.
        let fields = text[text.utf8.index(after: nameEnd)...].split(separator: " ")
        guard fields.count > 21, let user = Double(fields[11]), let system = Double(fields[12]),
            let start = Double(fields[19]), let virtual = Int(fields[20]), let pages = Int(fields[21])
        else { return nil }
        cpuSeconds = (user + system) / ticksPerSecond
        startSeconds = start / ticksPerSecond
        virtualBytes = virtual
        residentBytes = pages.multipliedReportingOverflow(by: pageSize).partialValue
    }

    static func current() -> ProcessStatistics? {
        guard let text = contents(of: "/proc/self/stat", atMost: 4096) else { return nil }
        return ProcessStatistics(
            text,
            ticksPerSecond: Double(sysconf(CInt(_SC_CLK_TCK))),
            pageSize: sysconf(CInt(_SC_PAGESIZE))
        )
    }

    /// When the system was started, in seconds since 1970.
    static func bootSeconds() -> Double? {
        // The line comes after one for each core and one for interrupts.
        guard let text = contents(of: "/proc/stat", atMost: 1 << 20) else { return nil }
        return text.split(separator: "\n").first { $0.hasPrefix("btime ") }.flatMap { Double($0.dropFirst(6)) }
    }

    /// Files there have no size.
    private static func contents(of path: String, atMost limit: Int) -> String? {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var bytes: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 4096)
        while bytes.count < limit {
            let count = read(file, &part, part.count)
            guard count > 0 else { break }
            bytes += part[..<count]
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
