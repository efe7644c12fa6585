namespace Aot.Broker.Interop.Tests.GroupTools;

/// <summary>The runs of the tools, in order: those that change something come behind those that only look.</summary>
internal static class ToolRuns
{
    public const string Transactions = "org.apache.kafka.tools.TransactionsCommand";

    private const string ConsumerGroups = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand";
    private const string ShareGroups = "org.apache.kafka.tools.consumer.group.ShareGroupCommand";
    private const string StreamsGroups = "org.apache.kafka.tools.streams.StreamsGroupCommand";
    private const string Groups = "org.apache.kafka.tools.GroupsCommand";
    private const string ShareConsumer = "org.apache.kafka.tools.consumer.ConsoleShareConsumer";

    /// <summary>Each run as the tool's class and its arguments.</summary>
    public static IEnumerable<(string Tool, string Arguments)> All =>
        [
            .. s_looks.Select(arguments => (ConsumerGroups, arguments)),
            .. s_lists.Select(arguments => (Groups, arguments)),
            .. s_transactions.Select(arguments => (Transactions, arguments)),
            .. s_changes.Select(arguments => (ConsumerGroups, arguments)),
            .. s_looks.Select(arguments => (ConsumerGroups, arguments)),
            .. s_shareBefore.Select(arguments => (ShareGroups, arguments)),
            .. s_shareRead.Select(arguments => (ShareConsumer, arguments)),
            .. s_shareAfter.Select(arguments => (ShareGroups, arguments)),
            .. s_streams.Select(arguments => (StreamsGroups, arguments)),
        ];

    private static readonly string[] s_looks =
    [
        "--list",
        "--list --state",
        "--list --state Stable",
        "--list --type",
        "--list --type classic --state Empty",
        "--describe --group done-classic",
        "--describe --group done-consumer",
        "--describe --group simple",
        "--describe --group live-classic",
        "--describe --group live-consumer",
        "--describe --group static-classic",
        "--describe --group live-classic --offsets --verbose",
        "--describe --group live-consumer --offsets --verbose",
        "--describe --group live-classic --members",
        "--describe --group live-classic --members --verbose",
        "--describe --group live-consumer --members --verbose",
        "--describe --group static-classic --members --verbose",
        "--describe --group live-classic --state",
        "--describe --group live-consumer --state --verbose",
        "--describe --group done-classic --state",
        "--describe --group done-consumer --state --verbose",
        "--describe --group done-classic --members",
        "--describe --group absent",
        "--describe --all-groups",
        "--describe --all-groups --state",
    ];

    private static readonly string[] s_lists =
    [
        "--list",
        "--list --consumer",
        "--list --group-type classic",
        "--list --group-type consumer",
        "--list --group-type share",
        "--list --protocol consumer",
    ];

    /// <summary>The last ones end a hanging transaction as a person would: found, looked at, aborted, gone.</summary>
    private static readonly string[] s_transactions =
    [
        "list",
        "list --duration-filter 600000",
        "list --transactional-id-pattern .*open",
        "describe --transactional-id transaction-open",
        "describe --transactional-id transaction-committed",
        "describe --transactional-id transaction-hanging",
        "describe --transactional-id absent",
        "describe-producers --topic transfers --partition 0",
        "describe-producers --topic hanging --partition 0",
        "find-hanging --broker-id 1",
        "find-hanging --topic hanging",
        "find-hanging --topic transfers",
        "abort --topic hanging --partition 0 --start-offset 5",
        "abort --topic hanging --partition 0 --start-offset 0",
        "find-hanging --broker-id 1",
        "describe-producers --topic hanging --partition 0",
        "abort --topic transfers --partition 0 --start-offset 4",
        "describe-producers --topic transfers --partition 0",
        "list",
    ];

    private static readonly string[] s_changes =
    [
        "--reset-offsets --group to-reset --topic orders --to-earliest --dry-run",
        "--reset-offsets --group to-reset --topic orders --to-latest --dry-run",
        "--reset-offsets --group to-reset --topic orders --to-offset 5 --dry-run",
        "--reset-offsets --group to-reset --topic orders --to-offset 500 --dry-run",
        "--reset-offsets --group to-reset --topic orders --shift-by -2 --dry-run",
        "--reset-offsets --group to-reset --topic orders:0 --shift-by 3 --dry-run",
        "--reset-offsets --group to-reset --topic orders:0 --shift-by -100 --dry-run",
        "--reset-offsets --group to-reset --topic orders --to-current --dry-run",
        "--reset-offsets --group to-reset --topic orders --to-datetime 2023-11-14T22:13:24.500Z --dry-run",
        "--reset-offsets --group to-reset --topic orders --to-datetime 2033-01-01T00:00:00.000Z --dry-run",
        "--reset-offsets --group to-reset --topic orders --by-duration P10000D --dry-run",
        "--reset-offsets --group to-reset --topic orders --by-duration PT1S --dry-run",
        "--reset-offsets --group to-reset --all-topics --to-earliest --export --dry-run",
        "--reset-offsets --group to-reset --topic absent --to-earliest --dry-run",
        "--reset-offsets --group to-reset --topic orders:0,1 --topic other --to-offset 3 --execute",
        "--reset-offsets --group new-group --topic orders --to-latest --execute",
        "--reset-offsets --group done-consumer --all-topics --to-earliest --execute",
        "--reset-offsets --group live-classic --topic orders --to-earliest --execute",
        "--reset-offsets --group live-consumer --topic orders --to-earliest --execute",
        "--reset-offsets --all-groups --topic orders --to-offset 2 --dry-run",
        "--delete-offsets --group to-reset --topic other",
        "--delete-offsets --group to-reset --topic orders:0",
        "--delete-offsets --group to-reset --topic absent",
        "--delete-offsets --group absent --topic orders",
        "--delete-offsets --group live-classic --topic orders",
        "--delete-offsets --group live-consumer --topic orders",
        "--delete --group to-delete-1",
        "--delete --group to-delete-2 --group done-classic --group absent",
        "--delete --group live-classic",
        "--delete --group live-consumer",
    ];

    private static readonly string[] s_shareBefore =
    [
        "--list",
        "--list --state",
        "--list --state Empty",
        "--describe --group done-share",
        "--describe --group done-share --offsets --verbose",
        "--describe --group done-share --members --verbose",
        "--describe --group done-share --state --verbose",
        "--describe --group absent",
        "--describe --group done-classic",
        "--describe --all-groups",
        "--reset-offsets --group done-share --topic orders --to-latest --dry-run",
        "--reset-offsets --group done-share --all-topics --to-earliest --dry-run",
        "--reset-offsets --group done-share --topic orders --to-datetime 2023-11-14T22:13:24.500Z --dry-run",
        "--reset-offsets --group done-share --topic absent --to-earliest --dry-run",
        "--reset-offsets --group done-share --topic orders:1 --to-earliest --execute",
        "--reset-offsets --group absent --topic orders --to-earliest --execute",
        "--describe --group done-share",
    ];

    /// <summary>What the reset gave back, which is one partition's records in their order.</summary>
    private static readonly string[] s_shareRead =
    [
        "--topic orders --group done-share --max-messages 10 --timeout-ms 30000",
    ];

    private static readonly string[] s_shareAfter =
    [
        "--describe --group done-share --offsets --verbose",
        "--delete-offsets --group done-share --topic other",
        "--delete-offsets --group done-share --topic absent",
        "--delete-offsets --group absent --topic orders",
        "--describe --group done-share",
        "--delete --group done-share --group absent",
        "--delete --group done-classic",
        "--list",
    ];

    private static readonly string[] s_streams =
    [
        "--list",
        "--list --state",
        "--describe --group done-streams",
        "--describe --group done-streams --members",
        "--describe --group done-streams --state --verbose",
        "--describe --group done-streams --offsets --verbose",
        "--describe --group absent",
        "--reset-offsets --group done-streams --all-input-topics --to-earliest --dry-run",
        "--reset-offsets --group done-streams --input-topic orders --to-latest --dry-run",
        "--reset-offsets --group done-streams --input-topic orders:0 --shift-by -2 --dry-run",
        "--reset-offsets --group done-streams --input-topic orders --to-datetime 2023-11-14T22:13:24.500Z --dry-run",
        "--reset-offsets --group done-streams --input-topic orders:1 --to-offset 3 --execute",
        "--reset-offsets --group absent --all-input-topics --to-earliest --execute",
        "--describe --group done-streams --offsets",
        "--delete-offsets --group done-streams --input-topic other",
        "--delete-offsets --group done-streams --input-topic absent",
        "--describe --group done-streams --offsets",
        "--delete --group done-streams",
        "--delete --group absent",
        "--list",
    ];
}
