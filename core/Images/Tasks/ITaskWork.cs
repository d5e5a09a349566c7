using GlanceGateway.Registry;

namespace GlanceGateway.Images;

/// <summary>A kind of work that goes on after its request was answered. <see cref="TaskRunner"/> runs it under the lease of the task.</summary>
internal interface ITaskWork
{
    /// <summary>The task types that it does.</summary>
    IReadOnlyList<string> Types { get; }

    /// <summary>Whether the task is still wanted, asked at each renewal of the lease in its transaction: false ends it.</summary>
    Task<bool> IsWantedAsync(RegistryTransaction tx, TaskRecord task, CancellationToken cancellationToken);

    /// <summary>The nodes that alone see what the task needs; empty when this gateway can work on it.</summary>
    Task<IReadOnlyList<string>> NodesWithAsync(TaskRecord task, CancellationToken cancellationToken);

    /// <summary>
    /// Does the work from its start to its recorded end, and gives the lease back with it. It may have been begun before, by a process that
    /// died: the store attempts of that one are undone already.
    /// </summary>
    /// <param name="task">The task.</param>
    /// <param name="lease">Its lease.</param>
    /// <param name="asker">Whose request it was; null when that came to another process, or in an earlier life of this one.</param>
    /// <param name="cancellationToken">Ends the work.</param>
    /// <exception cref="ImageException">It failed; the message is for the user.</exception>
    Task RunAsync(TaskRecord task, Lease lease, Caller? asker, CancellationToken cancellationToken);

    /// <summary>Undoes what is not finished, records the task as failed, and gives the lease back. The store attempts are undone already.</summary>
    /// <exception cref="LeaseLostException">Another gateway works on it now; nothing was changed.</exception>
    Task FailAsync(TaskRecord task, Lease lease, string reason);
}
