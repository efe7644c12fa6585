using Aot.Broker.Base;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Protocol.Records;

namespace Aot.Broker.Simulation.Tests;

/// <summary>
/// A transactional producer: each transaction writes to some partitions and is committed or aborted. What it cannot know
/// (the answer to an end is lost with the connection) it asks again until it knows, as KIP-890 allows; what it was told
/// goes into the ledger of transactions.
/// </summary>
internal sealed class TransactionalProducer(TopicUnderTest topic, TransactionLedger ledger, int number, bool bumpsEpoch)
{
    private const int TransactionsMax = 60;

    private readonly World _world = topic.World;
    private readonly string _id = $"transactional-{number}";
    private readonly Dictionary<int, int> _sequences = [];
    private long _producerId = -1;
    private short _epoch = -1;
    private int _transactions;
    private bool _isDone;

    /// <summary>An end that was asked for and of which nothing is known.</summary>
    private (bool Commit, short Epoch, List<TransactionLedger.Written> Records)? _unknownEnd;

    public async Task RunAsync()
    {
        while (!_isDone)
        {
            WireClient? client = await WireClient.ConnectAsync(_world, () => topic.IsOver);
            if (client is null)
            {
                return;
            }
            try
            {
                await SendUntilLostAsync(client);
            }
            catch (ConnectionLost)
            {
                // Connects again; an open transaction is taken back by the next initialization.
            }
            client.Close();
        }
    }

    private async Task SendUntilLostAsync(WireClient client)
    {
        await ResolveEndAsync(client);
        await InitializeAsync(client);
        while (!topic.IsEnding && _transactions < TransactionsMax)
        {
            _transactions++;
            List<TransactionLedger.Written> records = [];
            bool commits = !_world.Random.OneIn(3);
            if (await WriteAsync(client, records))
            {
                _unknownEnd = (commits, _epoch, records);
                await ResolveEndAsync(client);
            }
            else
            {
                await InitializeAsync(client);
            }
            if (_world.Random.OneIn(2))
            {
                await _world.DelayAsync(_world.Random.Between(100_000L, 20_000_000));
            }
        }
        // Possible only when the last transaction is complete in every partition.
        await InitializeAsync(client);
        _isDone = true;
    }

    private async Task InitializeAsync(WireClient client)
    {
        while (true)
        {
            await FindCoordinatorAsync(client);
            InitProducerIdResponse response = await client.CallAsync<InitProducerIdResponse>(
                ApiKey.InitProducerId,
                5,
                new InitProducerIdRequest { TransactionalId = _id, TransactionTimeoutMs = 60_000 },
                InitProducerIdResponse.TryRead
            );
            ErrorCode error = (ErrorCode)response.ErrorCode;
            _world.Check(error == ErrorCode.None || error.IsForLater(), $"InitProducerId: {error}");
            if (error == ErrorCode.None)
            {
                Take(response.ProducerId, response.ProducerEpoch);
                return;
            }
            await PauseAsync();
        }
    }

    private async Task FindCoordinatorAsync(WireClient client)
    {
        while (true)
        {
            FindCoordinatorResponse response = await client.CallAsync<FindCoordinatorResponse>(
                ApiKey.FindCoordinator,
                6,
                new FindCoordinatorRequest { KeyType = 1, CoordinatorKeys = [_id] },
                FindCoordinatorResponse.TryRead
            );
            ErrorCode error = (ErrorCode)response.Coordinators[0].ErrorCode;
            _world.Check(error == ErrorCode.None || error.IsForLater(), $"FindCoordinator: {error}");
            if (error == ErrorCode.None)
            {
                return;
            }
            await PauseAsync();
        }
    }

    /// <summary>False: the transaction has to be begun again from its initialization.</summary>
    private async Task<bool> WriteAsync(WireClient client, List<TransactionLedger.Written> records)
    {
        int batches = _world.Random.Between(1, 5);
        HashSet<int> added = [];
        for (int i = 0; i < batches; i++)
        {
            int partition = _world.Random.Below(topic.Partitions);
            if (!bumpsEpoch && added.Add(partition) && !await AddAsync(client, partition))
            {
                return false;
            }
            string[] values = ledger.NewValues(number, _transactions, i, _world.Random.Between(1, 3));
            records.AddRange(values.Select(value => new TransactionLedger.Written(partition, value)));
            ledger.Sent(partition, values);
            if (!await ProduceAsync(client, partition, values))
            {
                return false;
            }
        }
        return true;
    }

    private async Task<bool> AddAsync(WireClient client, int partition)
    {
        while (true)
        {
            AddPartitionsToTxnResponse response = await client.CallAsync<AddPartitionsToTxnResponse>(
                ApiKey.AddPartitionsToTxn,
                3,
                new AddPartitionsToTxnRequest
                {
                    V3AndBelowTransactionalId = _id,
                    V3AndBelowProducerId = _producerId,
                    V3AndBelowProducerEpoch = _epoch,
                    V3AndBelowTopics = [new() { Name = topic.Name, Partitions = [partition] }],
                },
                AddPartitionsToTxnResponse.TryRead
            );
            ErrorCode error = (ErrorCode)response.ResultsByTopicV3AndBelow[0].ResultsByPartition[0].PartitionErrorCode;
            if (error == ErrorCode.None)
            {
                return true;
            }
            _world.Check(error.IsForLater(), $"AddPartitionsToTxn: {error}");
            await PauseAsync();
        }
    }

    private async Task<bool> ProduceAsync(WireClient client, int partition, string[] values)
    {
        int sequence = _sequences.GetValueOrDefault(partition);
        byte[] batch = topic.BatchOf(
            values,
            new RecordBatchOptions
            {
                ProducerId = _producerId,
                ProducerEpoch = _epoch,
                BaseSequence = sequence,
                IsTransactional = true,
            }
        );
        ProduceRequest request = topic.ProduceOf([(partition, batch)], -1);
        request.TransactionalId = _id;
        while (true)
        {
            ProduceResponse response = await client.CallAsync<ProduceResponse>(
                ApiKey.Produce,
                bumpsEpoch ? (short)12 : (short)11,
                request,
                ProduceResponse.TryRead
            );
            ErrorCode error = (ErrorCode)response.Responses.Single().PartitionResponses.Single().ErrorCode;
            if (error == ErrorCode.None)
            {
                _sequences[partition] = sequence + values.Length;
                return true;
            }
            if (!error.IsForLater())
            {
                _world.Fail($"transactional produce: {error}");
                return false;
            }
            await PauseAsync();
        }
    }

    /// <summary>
    /// Ends the transaction and tells the ledger how. Protocol 2 knows a repeated end by its epoch; with protocol 1 a lost
    /// answer is found out by asking for the same end, which is refused only when the transaction was ended otherwise.
    /// </summary>
    private async Task ResolveEndAsync(WireClient client)
    {
        while (_unknownEnd is { } end)
        {
            EndTxnResponse response = await client.CallAsync<EndTxnResponse>(
                ApiKey.EndTxn,
                bumpsEpoch ? (short)5 : (short)4,
                new EndTxnRequest
                {
                    TransactionalId = _id,
                    ProducerId = _producerId,
                    ProducerEpoch = end.Epoch,
                    Committed = end.Commit,
                },
                EndTxnResponse.TryRead
            );
            ErrorCode error = (ErrorCode)response.ErrorCode;
            if (error == ErrorCode.None)
            {
                ledger.Ended(end.Records, end.Commit);
                _unknownEnd = null;
                if (bumpsEpoch)
                {
                    Take(response.ProducerId, response.ProducerEpoch);
                }
                return;
            }
            _world.Check(error.IsForLater(), $"EndTxn: {error}");
            await PauseAsync();
        }
    }

    private void Take(long producerId, short epoch)
    {
        _world.Check(
            producerId > _producerId || (producerId == _producerId && epoch >= _epoch),
            $"producer {_producerId}/{_epoch} became {producerId}/{epoch}"
        );
        if ((producerId, epoch) != (_producerId, _epoch))
        {
            _sequences.Clear();
        }
        (_producerId, _epoch) = (producerId, epoch);
    }

    private Task PauseAsync() => _world.DelayAsync(_world.Random.Between(1_000_000L, 10_000_000));
}
