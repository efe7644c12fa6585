using Aot.Broker.Base;
using Aot.Broker.Linux;

namespace Aot.Broker.Reactor;

/// <summary>File operations that may block, on the background pool. Owner: one core; its jobs are used again.</summary>
internal sealed class BackgroundFiles
{
    private readonly Stack<FileJob> _free = new();

    private enum FileWork
    {
        Sync,
        SyncData,
        ReadAhead,
    }

    public void Sync(Core core, Fd file, bool dataOnly, IFileTarget target, long token) =>
        Start(core, dataOnly ? FileWork.SyncData : FileWork.Sync, file, 0, 0, target, token);

    public void ReadAhead(Core core, Fd file, long position, long length, IFileTarget target, long token) =>
        Start(core, FileWork.ReadAhead, file, position, length, target, token);

    private void Start(Core core, FileWork work, Fd file, long position, long length, IFileTarget target, long token)
    {
        if (!_free.TryPop(out FileJob? job))
        {
            job = new FileJob(this);
        }
        job.Work = work;
        job.File = file;
        job.Position = position;
        job.Length = length;
        job.Target = target;
        job.Token = token;
        core.Background.Run(core, job);
    }

    /// <summary>One operation. Written by the core before it is queued, and by the helper thread while it runs.</summary>
    private sealed class FileJob(BackgroundFiles files) : IBackgroundJob
    {
        public FileWork Work;
        public Fd File;
        public long Position;
        public long Length;
        public IFileTarget? Target;
        public long Token;
        private Errno _error;

        public void Run() =>
            _error = Work switch
            {
                FileWork.Sync => Files.Sync(File).Error,
                FileWork.SyncData => Files.SyncData(File).Error,
                FileWork.ReadAhead => ReadAheadNow(),
                _ => throw Invariant.Unreachable("FileWork"),
            };

        public void Done(Core core)
        {
            IFileTarget target = Target!;
            Target = null;
            files._free.Push(this);
            target.OnFileDone(Token, -(long)_error);
            core.Ran(TurnPart.File, target);
        }

        /// <summary>As the ring does: ask for the range, then wait for its last byte.</summary>
        private Errno ReadAheadNow()
        {
            Errno error = Files.Advise(File, Position, Length, FileAdvice.POSIX_FADV_WILLNEED).Error;
            Span<byte> one = stackalloc byte[1];
            Errno readError = Files.Read(File, one, Position + Length - 1).Error;
            return error != Errno.None ? error : readError;
        }
    }
}
