using System.Globalization;

namespace Aot.Broker.Histories.Tests;

/// <summary>
/// Histories in a shorter form than that of their files: <c>process type function step ...</c>, where a step is
/// <c>partition value</c>, <c>partition value@offset</c>, or, of a poll, <c>partition:value@offset,...</c>. A function alone
/// stands for its invocation and an <c>ok</c> of it: <c>0 send t-0 a@1</c>.
/// </summary>
internal static class Histories
{
    public static List<Operation> Of(params string[] lines)
    {
        List<Operation> operations = [];
        foreach (string line in lines)
        {
            string[] words = line.Split(' ');
            bool hasType = Enum.TryParse(words[1], ignoreCase: true, out OperationType type);
            OperationFunction function = Enum.Parse<OperationFunction>(words[hasType ? 2 : 1], ignoreCase: true);
            if (!hasType && function != OperationFunction.Crash)
            {
                operations.Add(Make(words, OperationType.Invoke, function, 2));
            }
            operations.Add(Make(words, hasType ? type : OperationType.Ok, function, hasType ? 3 : 2));
        }
        return [.. operations.Select((operation, index) => operation with { TimeNanos = index })];
    }

    private static Operation Make(string[] words, OperationType type, OperationFunction function, int at)
    {
        List<Step> steps = [];
        bool isRebalanced = words.Contains("rebalanced");
        bool isInvocation = type == OperationType.Invoke;
        string[] rest = [.. words[at..].Where(word => word != "rebalanced")];
        if (function == OperationFunction.Poll && rest.Length == 0)
        {
            steps.Add(new PollStep());
        }
        for (int i = 0; i < rest.Length && function <= OperationFunction.Txn; i++)
        {
            if (rest[i] == "poll")
            {
                steps.Add(new PollStep());
            }
            else if (rest[i].Contains(':'))
            {
                steps.Add(isInvocation ? new PollStep() : Polled(rest[i]));
            }
            else
            {
                (string value, long? offset) = ValueOf(rest[i + 1]);
                steps.Add(new SendStep(rest[i++], value, isInvocation ? null : offset));
            }
        }
        return new Operation
        {
            Process = words[0],
            Type = type,
            Function = function,
            Steps = steps,
            Names = function is OperationFunction.Assign or OperationFunction.Subscribe ? rest : [],
            IsRebalanced = isRebalanced,
        };
    }

    /// <summary><c>t-0:a@1,b@2;t-1:c@1</c></summary>
    private static PollStep Polled(string text)
    {
        Dictionary<string, IReadOnlyList<PolledValue>> values = [];
        foreach (string partition in text.Split(';'))
        {
            string[] parts = partition.Split(':');
            values[parts[0]] =
            [
                .. parts[1]
                    .Split(',')
                    .Select(ValueOf)
                    .Select(found => new PolledValue(found.Offset!.Value, found.Value)),
            ];
        }
        return new PollStep(values);
    }

    private static (string Value, long? Offset) ValueOf(string text)
    {
        string[] parts = text.Split('@');
        return (parts[0], parts.Length == 1 ? null : long.Parse(parts[1], CultureInfo.InvariantCulture));
    }
}
