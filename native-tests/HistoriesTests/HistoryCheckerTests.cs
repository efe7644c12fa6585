namespace Aot.Broker.Histories.Tests;

/// <summary>A small broken history for each type of error, and the sound ones next to it.</summary>
public class HistoryCheckerTests
{
    private static readonly string[] s_three = ["0 send t-0 a@0 t-1 x@0", "0 send t-0 b@1", "0 send t-0 c@2"];

    [Fact]
    public void A_sound_history_has_no_errors()
    {
        string[] lines =
        [
            .. s_three,
            "1 assign t-0 t-1",
            "1 poll t-0:a@0,b@1",
            "2 txn poll t-0 d@3",
            "3 invoke txn t-0:a@0,b@1 t-0 e",
            "3 fail txn t-0:a@0,b@1 t-0 e@5",
            "3 txn t-0:a@0,b@1 t-0 f@7",
            "4 invoke send t-0 g",
            "4 info send t-0 g",
            "1 poll t-0:c@2;t-1:x@0",
            "1 poll t-0:d@3,f@7,g@9",
            "5 crash",
            "5 subscribe t",
            "5 poll t-0:a@0",
            "5 crash",
            "5 poll t-0:a@0",
            "5 poll rebalanced t-0:a@0",
            "6 invoke send t-0 h",
        ];
        HistoryReport report = HistoryChecker.Check(Histories.Of(lines));
        Assert.Equal("", report.Describe());
        Assert.Equal((9, 6, 7), (report.Sent, report.Acknowledged, report.Polled));
    }

    [Fact]
    public void A_lost_write_lies_below_what_was_polled()
    {
        Only(HistoryErrorType.LostWrite, "t-0", [.. s_three, "1 poll t-1:x@0", "1 poll t-0:a@0", "2 poll t-0:c@2"]);
        HistoryReport report = HistoryChecker.Check(Histories.Of("0 send t-0 a@5", "1 send t-0 b@5", "2 poll t-0:b@5"));
        Assert.Equal(
            [HistoryErrorType.LostWrite, HistoryErrorType.InconsistentOffsets],
            report.Errors.Select(error => error.Type)
        );
    }

    [Fact]
    public void What_lies_above_was_only_not_seen()
    {
        Only(HistoryErrorType.Unseen, "t-0", [.. s_three, "1 poll t-1:x@0", "1 poll t-0:a@0,b@1"]);
        HistoryOptions early = new() { EndsWithFinalPolls = false };
        Assert.Empty(HistoryChecker.Check(Histories.Of(s_three), early).Errors);
    }

    [Fact]
    public void A_duplicate_is_at_two_offsets()
    {
        string[] lines = ["0 send t-0 a@0", "1 poll t-0:a@0,a@1"];
        Only(HistoryErrorType.Duplicate, "t-0", lines);
        Only(HistoryErrorType.Duplicate, "t-0", "0 send t-0 a@3", "1 poll t-0:a@4");
        HistoryOptions plain = new() { IsIdempotent = false };
        Assert.Empty(HistoryChecker.Check(Histories.Of(lines), plain).Errors);
    }

    [Fact]
    public void Offsets_are_inconsistent_with_two_values() =>
        Only(
            HistoryErrorType.InconsistentOffsets,
            "t-0",
            ["0 send t-0 a@0", "1 invoke send t-0 b", "1 info send t-0 b", "2 poll t-0:a@0", "3 poll t-0:b@0"]
        );

    [Fact]
    public void An_aborted_read_shows_what_failed()
    {
        string[] lines = ["0 invoke txn t-0 a", "0 fail txn t-0 a@0", "1 poll t-0:a@0"];
        Only(HistoryErrorType.AbortedRead, "t-0", lines);
        Only(HistoryErrorType.AbortedRead, "t-0", "0 invoke send t-0 a", "0 fail send t-0 a", "1 poll t-0:a@0");
        HistoryOptions uncommitted = new() { ReadsCommitted = false };
        Assert.Empty(HistoryChecker.Check(Histories.Of(lines), uncommitted).Errors);
    }

    [Fact]
    public void What_was_not_sent_there_cannot_be_polled()
    {
        Only(HistoryErrorType.PhantomRead, "t-0", "1 poll t-0:a@0");
        Only(HistoryErrorType.PhantomRead, "t-0", "0 send t-1 a@0", "1 poll t-1:a@0", "2 poll t-0:a@0");
    }

    [Fact]
    public void A_poll_skips_what_somebody_else_polled()
    {
        string[] all = [.. s_three, "9 poll t-0:a@0,b@1,c@2;t-1:x@0"];
        Only(HistoryErrorType.PollSkip, "t-0", [.. all, "1 poll t-0:a@0", "1 poll t-0:c@2"]);
        Only(HistoryErrorType.InternalPollSkip, "t-0", [.. all, "1 poll t-0:a@0,c@2"]);
        Only(HistoryErrorType.InternalPollSkip, "t-0", [.. all, "1 txn t-0:a@0 t-0:c@2"]);
        // A position that is not known, or not that consumer's any more.
        None([.. all, "1 poll t-0:a@0", "1 assign t-0", "1 poll t-0:c@2"]);
        None([.. all, "1 poll t-0:a@0", "1 poll rebalanced t-0:c@2"]);
        None([.. all, "1 poll t-0:a@0", "1 invoke poll", "1 info poll", "1 poll t-0:c@2"]);
        // An aborted transaction puts its consumer back.
        None([.. all, "1 poll t-0:a@0", "1 invoke txn poll", "1 fail txn t-0:b@1", "1 poll t-0:b@1"]);
        Only(
            HistoryErrorType.PollSkip,
            "t-0",
            [.. all, "1 poll t-0:a@0", "1 invoke txn poll", "1 fail txn t-0:b@1", "1 poll t-0:c@2"]
        );
        None([.. all, "1 poll t-0:a@0", "1 invoke txn poll", "1 info txn t-0:b@1", "1 poll t-0:c@2"]);
    }

    [Fact]
    public void What_was_aborted_or_is_nowhere_is_no_skip() =>
        None(
            "0 send t-0 a@0",
            "2 invoke txn t-0 b",
            "2 fail txn t-0 b@1",
            "3 invoke send t-0 c",
            "3 info send t-0 c",
            "0 send t-0 d@9",
            "1 poll t-0:a@0",
            "1 poll t-0:d@9"
        );

    [Fact]
    public void Polls_go_forward()
    {
        string[] all = [.. s_three, "9 poll t-0:a@0,b@1,c@2;t-1:x@0"];
        Only(HistoryErrorType.NonMonotonicPoll, "t-0", [.. all, "1 poll t-0:b@1", "1 poll t-0:a@0"]);
        Only(HistoryErrorType.NonMonotonicPoll, "t-0", [.. all, "1 poll t-0:b@1", "1 poll t-0:b@1"]);
        Only(HistoryErrorType.InternalNonMonotonicPoll, "t-0", [.. all, "1 poll t-0:b@1,a@0"]);
    }

    [Fact]
    public void Sends_go_forward()
    {
        string poll = "9 poll t-0:a@1,b@2";
        Only(HistoryErrorType.NonMonotonicSend, "t-0", "0 send t-0 b@2", "0 send t-0 a@1", poll);
        Only(HistoryErrorType.InternalNonMonotonicSend, "t-0", "0 send t-0 b@2 t-0 a@1", poll);
        None("0 send t-0 b@2", "1 send t-0 a@1", poll);
    }

    [Fact]
    public void A_report_leaves_out_what_is_expected()
    {
        HistoryReport report = HistoryChecker.Check(Histories.Of("0 send t-0 a@0", "1 poll t-0:a@0,a@1"));
        Assert.Contains("Duplicate: 1\n  t-0: a is at 0, 1\n", report.Describe());
        Assert.Equal("", report.Describe(HistoryErrorType.Duplicate));
    }

    private static void None(params string[] lines) =>
        Assert.Equal("", HistoryChecker.Check(Histories.Of(lines)).Describe());

    private static void Only(HistoryErrorType type, string key, params string[] lines)
    {
        HistoryReport report = HistoryChecker.Check(Histories.Of(lines));
        HistoryError error = Assert.Single(report.Errors);
        Assert.Equal((type, key), (error.Type, error.Key));
    }
}
