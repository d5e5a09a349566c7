using GlanceGateway.Images;

namespace GlanceGateway.Api.Feed;

/// <summary>Who waits, and how often: each waiting request holds a connection.</summary>
/// <param name="limit">Most requests of one user of a project; 0 or less for no limit.</param>
internal sealed class WaitingRoom(int limit)
{
    private readonly Lock door = new();
    private readonly Dictionary<(string? Project, string? User), int> waiting = [];

    /// <summary>Takes a place, which is free again when it is disposed.</summary>
    /// <returns>Null when the caller has as many as it may have.</returns>
    public IDisposable? Enter(Caller caller)
    {
        var who = (caller.ProjectId, caller.UserId);
        lock (door)
        {
            var others = waiting.GetValueOrDefault(who);
            if (limit > 0 && others >= limit)
                return null;
            waiting[who] = others + 1;
        }
        return new Place(this, who);
    }

    private void Leave((string? Project, string? User) who)
    {
        lock (door)
        {
            if (--waiting[who] == 0)
                waiting.Remove(who);
        }
    }

    private sealed class Place(WaitingRoom room, (string? Project, string? User) who) : IDisposable
    {
        public void Dispose() => room.Leave(who);
    }
}
