using System.Net;
using System.Net.Sockets;

namespace GlanceGateway.Testing;

/// <summary>
/// Ports of loopback for servers that are told theirs: below those that the kernel gives to anybody, so that nobody is given one meanwhile. A process
/// gets each one once, as servers that start at the same time take theirs only after a while.
/// </summary>
public static class FreePorts
{
    private const int Lowest = 8_000;
    private const int Highest = 32_000;

    private static readonly Lock gate = new();
    private static int next = Random.Shared.Next(Lowest, Highest);

    /// <summary>One port, or the first of several in a row.</summary>
    public static int First(int inARow = 1)
    {
        lock (gate)
        {
            while (true)
            {
                var first = next + inARow <= Highest ? next : Lowest;
                next = first + inARow;
                if (Enumerable.Range(first, inARow).All(IsFree))
                {
                    return first;
                }
            }
        }
    }

    private static bool IsFree(int port)
    {
        using var listener = new TcpListener(IPAddress.Loopback, port);
        try
        {
            listener.Start();
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
