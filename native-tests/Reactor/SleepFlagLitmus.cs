using System.Runtime.InteropServices;

namespace Aot.Broker.Reactor.Tests;

/// <summary>
/// Mail and sleep cross each other: the sender puts mail in and looks whether the reader sleeps, the reader says that
/// it sleeps and looks for mail. If neither sees the other, the mail lies there with everybody asleep.
/// </summary>
public sealed class SleepFlagLitmus
{
    private const int Rounds = 100_000;
    private const int TwinRoundsMax = 5_000_000;

    [StructLayout(LayoutKind.Explicit, Size = 640)]
    private struct Shared
    {
        [FieldOffset(128)]
        public int Mail;

        [FieldOffset(256)]
        public int ReaderRound;

        [FieldOffset(384)]
        public int SenderRound;

        [FieldOffset(512)]
        public int Flag;
    }

    private sealed class Stage
    {
        public Shared Shared;
    }

    private interface IFlag
    {
        void Announce();
        void Retract();

        /// <summary>The sender's barrier and look.</summary>
        bool LookAfterPosting();
    }

    private sealed class Real : IFlag
    {
        private readonly SleepFlag _flag = new();

        public void Announce() => _flag.Announce();

        public void Retract() => _flag.Retract();

        public bool LookAfterPosting()
        {
            Interlocked.MemoryBarrier();
            return _flag.TakeWake();
        }
    }

    /// <summary>The same without the barriers: a processor may let a load overtake its own earlier store.</summary>
    private sealed class Broken(Stage stage) : IFlag
    {
        public void Announce() => Volatile.Write(ref stage.Shared.Flag, 1);

        public void Retract() => Volatile.Write(ref stage.Shared.Flag, 0);

        public bool LookAfterPosting() => Volatile.Read(ref stage.Shared.Flag) != 0;
    }

    [Fact]
    public void Mail_is_seen_or_its_reader_is_woken()
    {
        Stage stage = new();
        Assert.Equal(0, CountLost(stage, new Real(), Rounds, untilFirst: false));
    }

    [Fact]
    public void Without_the_barriers_mail_is_lost()
    {
        Stage stage = new();
        Assert.NotEqual(0, CountLost(stage, new Broken(stage), TwinRoundsMax, untilFirst: true));
    }

    private static int CountLost(Stage stage, IFlag flag, int rounds, bool untilFirst)
    {
        int lost = 0;
        bool woken = false;
        bool stop = false;
        Thread sender = new(() =>
        {
            for (int round = 1; round <= rounds; round++)
            {
                Meet(ref stage.Shared.SenderRound, ref stage.Shared.ReaderRound, (2 * round) - 1);
                if (Volatile.Read(ref stop))
                {
                    return;
                }
                Volatile.Write(ref stage.Shared.Mail, 1);
                woken = flag.LookAfterPosting();
                Meet(ref stage.Shared.SenderRound, ref stage.Shared.ReaderRound, 2 * round);
            }
        });
        sender.Start();
        for (int round = 1; round <= rounds; round++)
        {
            stage.Shared.Mail = 0;
            flag.Retract();
            Volatile.Write(ref stop, untilFirst && lost > 0);
            Meet(ref stage.Shared.ReaderRound, ref stage.Shared.SenderRound, (2 * round) - 1);
            if (stop)
            {
                break;
            }
            flag.Announce();
            bool seen = Volatile.Read(ref stage.Shared.Mail) != 0;
            Meet(ref stage.Shared.ReaderRound, ref stage.Shared.SenderRound, 2 * round);
            lost += seen || woken ? 0 : 1;
        }
        sender.Join();
        return lost;
    }

    /// <summary>Both come to the same number; spins, and gives way when the other's processor is taken.</summary>
    private static void Meet(ref int mine, ref int others, int number)
    {
        Volatile.Write(ref mine, number);
        for (int spins = 0; Volatile.Read(ref others) < number; spins++)
        {
            if (spins > 2000)
            {
                Thread.Yield();
            }
        }
    }
}
