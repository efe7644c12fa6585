using System.Text;

namespace Aot.Broker.Histories;

/// <summary>What <see cref="HistoryChecker"/> found.</summary>
/// <param name="Errors">In the order of their types.</param>
/// <param name="Sent">Values that somebody began to send.</param>
/// <param name="Acknowledged">Of those, with the answer that they are in the log (and committed).</param>
/// <param name="Polled">Different values that were polled by anybody.</param>
public sealed record HistoryReport(IReadOnlyList<HistoryError> Errors, int Sent, int Acknowledged, int Polled)
{
    private const int ShownPerType = 8;

    public bool Has(HistoryErrorType type) => Errors.Any(error => error.Type == type);

    /// <summary>All errors but those of the types that are expected, for a test's message; "" = none.</summary>
    public string Describe(params HistoryErrorType[] expected)
    {
        StringBuilder text = new();
        foreach (IGrouping<HistoryErrorType, HistoryError> kind in Errors.GroupBy(error => error.Type))
        {
            if (expected.Contains(kind.Key))
            {
                continue;
            }
            text.Append($"{kind.Key}: {kind.Count()}\n");
            foreach (HistoryError error in kind.Take(ShownPerType))
            {
                text.Append($"  {error.Key}: {error.Message}\n");
            }
        }
        if (text.Length > 0)
        {
            text.Append($"(of {Sent} values sent, {Acknowledged} acknowledged, {Polled} polled)\n");
        }
        return text.ToString();
    }
}
